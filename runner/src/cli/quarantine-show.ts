import { type Column, type Job, SluiceError, type Stream } from '@sluice/core';
import { atDestination, type DestinationSession } from '../executor/destination.ts';
import { expandJob } from '../executor/expand.ts';
import { withReferences } from '../executor/resolve.ts';
import { type Asked, eachJob, openAsked, type SelectOptions } from './asked.ts';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf } from './options.ts';
import type { OpenProject } from './project.ts';
import type { Chosen } from './select.ts';
import { exitOnInterrupt } from './signals.ts';
import { type Cell, renderRows } from './table.ts';
import { plural, print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

export interface ShowOptions extends SelectOptions {
  rows?: number;
  code?: string;
  all?: boolean;
}

const text = (name: string): Column => ({ name, type: { kind: 'text' } });
const number = (name: string): Column => ({ name, type: { kind: 'bigint' } });
const GROUP_COLUMNS = [
  ...['stream', 'code', 'reason'].map(text),
  ...['rows', 'replayed', 'withheld'].map(number),
  ...['first_at', 'last_at'].map(text),
];
const SHOWN_COLUMNS = [
  ...['stream', 'code', 'reason', 'path'].map(text),
  ...['row_number', 'byte_offset'].map(number),
  ...['row', 'quarantined_at', 'run_id', 'replayed_by'].map(text),
];

export async function listQuarantine(names: string[], options: SelectOptions): Promise<void> {
  const asked = await openAsked(names, options);
  const { columns, rows } = await table(asked, GROUP_COLUMNS, options, 'list', async (session, stream) => {
    const groups = await (session.quarantineGroups ?? unsupported(stream)).call(session);
    return groups.map((group): Cell[] => [
      stream.name,
      ...[group.code, group.reason, group.rows, group.replayed, group.withheld, group.first_at, group.last_at],
    ]);
  });
  write(columns, rows, options, 'Nothing was set aside.');
  const at = columns.findIndex(({ name }) => name === 'withheld');
  const withheld = rows.reduce((sum, row) => sum + Number(row[at]), 0);
  if (withheld > 0 && !options.quiet) {
    tell(`${plural(withheld, 'row')} could not be kept, because a column is masked: load their files again.`);
  }
}

export async function showQuarantine(names: string[], options: ShowOptions): Promise<void> {
  const limit = options.rows ?? 20;
  const filter = { open: options.all !== true, ...(options.code === undefined ? {} : { code: options.code }) };
  const asked = await openAsked(names, options);
  const { columns, rows } = await table(asked, SHOWN_COLUMNS, options, 'show', async (session, stream) => {
    const found = await (session.quarantined ?? unsupported(stream)).call(session, filter, { limit, offset: 0 });
    return found.map((one): Cell[] => [
      stream.name,
      ...[one.code, one.reason, one.path, one.row_number, one.byte_offset],
      ...[one.row, one.quarantined_at, one.run_id, one.replayed_by],
    ]);
  });
  write(columns, rows.slice(0, limit), options, 'No such row.');
}

/** The rows of every job; where several were asked for, a column says whose each is. */
async function table(
  asked: Asked,
  columns: readonly Column[],
  options: CommonOptions,
  command: string,
  look: (session: DestinationSession, stream: Stream) => Promise<Cell[][]>,
): Promise<{ columns: readonly Column[]; rows: Cell[][] }> {
  const results = await eachJob(asked, (one) =>
    atStreams(asked.project, one, options, `sluice quarantine ${command}`, look),
  );
  if (!asked.several) return { columns, rows: results.flatMap(({ result }) => result) };
  const rows = results.flatMap(({ one, result }) => result.map((row): Cell[] => [one.name, ...row]));
  return { columns: [text('job'), ...columns], rows };
}

function write(columns: readonly Column[], rows: Cell[][], options: CommonOptions, none: string): void {
  const output = outputOf(options);
  if (rows.length > 0 || output !== 'text') print(renderRows({ columns, rows }, output, styleFor(process.stdout)));
  else if (!options.quiet) tell(none);
}

export function unsupported({ destination }: Stream): never {
  const message = `Rows set aside in ${destination.type} cannot be read back`;
  throw new SluiceError('quarantine/unsupported', 'config', message);
}

/** Looks into the destination of each stream that was asked for. */
export async function atStreams(
  project: OpenProject,
  chosen: Chosen,
  options: CommonOptions,
  holder: string,
  look: (session: DestinationSession, stream: Stream) => Promise<Cell[][]>,
): Promise<Cell[][]> {
  const job = compileChosen(project, chosen, { quiet: options.quiet === true, references: true });
  const interrupt = exitOnInterrupt();
  try {
    const rows: Cell[][] = [];
    for (const stream of await streamsOf(project, chosen, job, interrupt.signal)) {
      const request = {
        projectDir: project.dir,
        key: { project: job.project, target: job.target, job: job.name, stream: stream.name },
        use: stream.destination,
        stateStore: stateStoreOf(project),
        holder,
        signal: interrupt.signal,
        onWait: (who: string) => tell(`Waiting: the warehouse is held by ${who}`),
      };
      rows.push(...(await atDestination(request, (session) => look(session, stream))));
    }
    return rows;
  } finally {
    interrupt.dispose();
  }
}

async function streamsOf(project: OpenProject, chosen: Chosen, job: Job, signal: AbortSignal): Promise<Stream[]> {
  const request = { projectDir: project.dir, job, env: project.env, stateStore: stateStoreOf(project) };
  const filled = await withReferences({ ...request, job: await expandJob(request, signal) }, signal);
  return filled.streams.filter(({ name }) => chosen.stream === null || chosen.stream === name);
}
