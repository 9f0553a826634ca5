import { addCounts, entryOf, type ReplayEntry, zeroCounts } from '@sluice/core';
import type { RunResult } from '../executor/api.ts';
import { startRun } from '../executor/start.ts';
import { renderError } from './errors.ts';
import { EXIT } from './exit.ts';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf } from './options.ts';
import { progressFor } from './progress.ts';
import { environmentOf, openProject } from './project.ts';
import { atStreams, unsupported } from './quarantine-show.ts';
import { chooseJob, isPath } from './select.ts';
import { listenForInterrupt } from './signals.ts';
import { plural, print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

/** Where rows can go on; each is a run of its own. */
const ENTRIES: readonly ReplayEntry[] = ['source', 'steps'];

export async function replayQuarantine(name: string, options: CommonOptions): Promise<void> {
  const project = await openProject(options, isPath(name) ? [name] : []);
  const chosen = chooseJob(project, name);
  const job = compileChosen(project, chosen, { quiet: options.quiet === true, references: true });
  const stateStore = stateStoreOf(project);
  const interrupt = listenForInterrupt(() => tell('Stopping; press Ctrl-C again to end at once.'));
  const results: RunResult[] = [];
  try {
    const open = await openEntries(name, options);
    for (const replay of ENTRIES) {
      if (interrupt.signal.aborted || !open.has(replay)) continue;
      const progress = progressFor(options);
      const request = {
        projectDir: project.dir,
        job,
        vars: project.vars,
        env: environmentOf(project),
        stream: chosen.stream,
        fullRefresh: false,
        kind: 'replay' as const,
        replay,
        stateStore,
      };
      results.push(
        await startRun(request, (event) => progress.on(event), interrupt.signal).finally(() => progress.end()),
      );
    }
  } finally {
    interrupt.dispose();
  }
  write(results, options);
  const failed = results.some(({ status }) => status !== 'succeeded');
  process.exitCode = interrupt.signal.aborted ? EXIT.interrupted : failed ? EXIT.failed : EXIT.done;
}

/** Where the rows that were not replayed yet would go on. */
async function openEntries(name: string, options: CommonOptions): Promise<Set<ReplayEntry>> {
  const found = new Set<ReplayEntry>();
  await atStreams(name, { ...options, quiet: true }, 'sluice quarantine replay', async (session, stream) => {
    for (const group of await (session.quarantineGroups ?? unsupported(stream)).call(session)) {
      const entry = entryOf(group.code);
      if (entry !== null && group.rows > group.replayed + group.withheld) found.add(entry);
    }
    return [];
  });
  return found;
}

function write(results: readonly RunResult[], options: CommonOptions): void {
  const counts = results.reduce((sum, result) => addCounts(sum, result.counts), zeroCounts());
  const style = styleFor(process.stderr);
  const errors = results.flatMap(({ streams, error }) => {
    const own = streams.flatMap((stream) => (stream.error ? [stream.error] : []));
    return own.length > 0 || error === null ? own : [error];
  });
  for (const error of errors) tell(renderError(error, style));
  if (outputOf(options) === 'json') {
    const { rows_read, rows_written, rows_rejected, rows_quarantined } = counts;
    const [error = null] = errors;
    const status = errors.length > 0 ? 'failed' : 'succeeded';
    print(JSON.stringify({ status, rows_read, rows_written, rows_rejected, rows_quarantined, error }));
    return;
  }
  const again = counts.rows_quarantined > 0 ? `, ${plural(counts.rows_quarantined, 'row')} set aside again` : '';
  print(`${plural(counts.rows_read, 'row')} replayed: ${plural(counts.rows_written, 'row')} written${again}`);
}
