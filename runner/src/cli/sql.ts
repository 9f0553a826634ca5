import type { Command } from 'commander';
import { atDestination, type DestinationRequest } from '../executor/destination.ts';
import { withReferences } from '../executor/resolve.ts';
import { usage } from './errors.ts';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { type OpenProject, openProject } from './project.ts';
import { chooseJob, isPath } from './select.ts';
import { exitOnInterrupt } from './signals.ts';
import { ROW_FORMS, renderRows, rowCount } from './table.ts';
import { print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface SqlOptions extends CommonOptions {
  job?: string;
}

export function define(command: Command): void {
  withCommon(command, ROW_FORMS)
    .argument('<query>', 'one SELECT')
    .option('--job <job>', 'ask the destination of this job (NAME, NAME/STREAM or path), not the embedded warehouse')
    .action(sql);
}

async function sql(query: string, options: SqlOptions): Promise<void> {
  if (query.trim() === '') throw usage('query', 'The query is empty');
  const { job: name } = options;
  const project = await openProject(options, name !== undefined && isPath(name) ? [name] : []);
  const interrupt = exitOnInterrupt();
  try {
    const { signal } = interrupt;
    const where = name === undefined ? warehouse(project) : await destinationOf(project, name, options, signal);
    const onWait = (holder: string) => {
      if (!options.quiet) tell(`Waiting: the warehouse is held by ${holder}`);
    };
    const stateStore = stateStoreOf(project);
    const request = { projectDir: project.dir, ...where, stateStore, holder: 'sluice sql', signal, onWait };
    const found = await atDestination(request, (session) => session.query(query));
    const output = outputOf(options);
    print(renderRows(found, output, styleFor(process.stdout)));
    if (output === 'text' && !options.quiet) tell(rowCount(found.rows));
  } finally {
    interrupt.dispose();
  }
}

async function destinationOf(
  project: OpenProject,
  name: string,
  options: SqlOptions,
  signal: AbortSignal,
): Promise<Pick<DestinationRequest, 'key' | 'use'>> {
  const chosen = chooseJob(project, name);
  const compiled = compileChosen(project, chosen, { quiet: options.quiet === true, references: true });
  const request = { projectDir: project.dir, job: compiled, env: project.env, stateStore: stateStoreOf(project) };
  const job = await withReferences(request, signal);
  const stream = chosen.stream === null ? job.streams[0] : job.streams.find((s) => s.name === chosen.stream);
  if (!stream) throw usage('stream', `The job ${job.name} has no stream`);
  return {
    key: { project: job.project, target: job.target, job: job.name, stream: stream.name },
    use: stream.destination,
  };
}

/** The destination of a job that names none. */
function warehouse({ project, scope }: OpenProject): Pick<DestinationRequest, 'key' | 'use'> {
  const nothing = { schema: null, table: '', primary_key: [], deletes: null };
  return {
    key: { project: project.name, target: scope.target ?? 'default', job: '', stream: '' },
    use: { type: 'duckdb', connection: null, settings: {}, ...nothing, write_disposition: 'append', naming: 'as_is' },
  };
}
