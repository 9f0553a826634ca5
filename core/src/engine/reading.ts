import { setMaxListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { Engine, FormatReader, LocalFile, SourceSession, Split } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import * as registry from '../registry.ts';
import * as specs from '../specs.ts';
import { Arrivals } from './arrivals.ts';
import { pick, readerOf } from './components.ts';
import { explainDirect } from './direct.ts';
import { type OwnedEngine, openEngine } from './duckdb.ts';
import { quiet, raisedMark } from './failures.ts';
import { formatByName } from './format-of.ts';
import { type Landed, land } from './land.ts';
import { masksAny } from './mask.ts';
import { openSource } from './open-source.ts';
import { PartsFetcher } from './parts.ts';
import type { RunFacts } from './pipeline.ts';
import { batchesOf, discard, type Fetching, fetchAll, spooled, spoolFolder } from './spool.ts';
import type { StreamPlan, WiderColumn } from './stream-plan.ts';
import { SureReader } from './sure-reader.ts';
import type { TaskCommon, TaskHooks, TaskInput, TaskOutput } from './task-types.ts';
import { verifyColumns } from './verify.ts';
import { wantedRows } from './wanted.ts';

type WithSplits = TaskInput & { splits: Split[] };

/** Makes a task's splits readable for as long as `work` runs. */
export async function withFiles<T>(
  engine: Engine,
  input: WithSplits,
  hooks: TaskHooks,
  work: (files: LocalFile[]) => Promise<T>,
): Promise<T> {
  if (input.splits.length === 0) return work([]);
  // What the sample unpacked is read once more.
  return withSource(engine, input, hooks, async (fetching) => work(await fetchAll(fetching, input.splits)));
}

async function withSource<T>(
  engine: Engine,
  input: WithSplits,
  hooks: TaskHooks,
  work: (fetching: Fetching, stop: () => void) => Promise<T>,
): Promise<T> {
  const { settings } = input.stream.source;
  const stop = new AbortController();
  const signal = AbortSignal.any([hooks.signal, stop.signal]);
  // Each of several transfers listens.
  setMaxListeners(0, signal);
  const { projectDir } = input;
  const session = await openSource(input.stream, { projectDir, signal, log: hooks.log, came: hooks.came });
  const folder = spoolFolder(input.spool, input.stream);
  let parts: PartsFetcher | null = null;
  let spooler: OwnedEngine | null = null;
  const stopSpooler = () => spooler?.interrupt();
  signal.addEventListener('abort', stopSpooler);
  try {
    parts = await partsFetcher(engine, input, session);
    spooler = session.describe ? await openSpooler(folder, input) : null;
    const fetching = { session, settings, signal, folder, engine: spooler ?? engine };
    return await work(parts ? { ...fetching, parts } : fetching, () => stop.abort());
  } catch (error) {
    // Downloads that nobody waits for any more.
    stop.abort();
    throw error;
  } finally {
    await parts?.close();
    await session.close();
    signal.removeEventListener('abort', stopSpooler);
    spooler?.close();
  }
}

/** A sample needs the schema of a file alone, a task the columns of its plan and the rows that it takes further. */
async function partsFetcher(engine: Engine, input: WithSplits, session: SourceSession): Promise<PartsFetcher | null> {
  if (!session.fetchRanges) return null;
  const type =
    'plan' in input
      ? input.plan.format
      : (input.stream.format?.type ?? formatByName(input.splits[0]?.file?.path ?? ''));
  if (type === null) return null;
  const reader = await pick(registry.formats, 'format', type);
  if (!reader.fetchParts) return null;
  if (!('plan' in input)) return new PartsFetcher(session, reader, { columns: null, test: null });
  const { stream, plan, window = null } = input;
  const checkpoint = 'checkpoint' in input ? input.checkpoint : null;
  const test = await wantedRows(engine, { stream, plan, checkpoint, window });
  return new PartsFetcher(session, reader, { columns: plan.sniffed.columns.map((c) => c.name), test });
}

/** Columns are written by an engine of their own: while one part comes in, the task reads the one before it. */
async function openSpooler(folder: string, input: TaskCommon): Promise<OwnedEngine> {
  await mkdir(folder, { recursive: true });
  return openEngine({ spool: folder, threads: input.threads, memory: Math.max(64_000_000, input.memory / 4) });
}

/** What a task reads: files at hand, files that are still coming, or what was landed of files that are gone again. */
export interface Input {
  files: LocalFile[];
  arrivals: Arrivals | null;
  landed: Landed[] | null;
}

/**
 * Reads a task's splits: `work` gets the files, or, where they are too many to lie on the disk together, what was landed of
 * them batch by batch. A task that loads without landing gets them while they come in. Where a value breaks an inferred type the batches behind it are only searched for more such columns.
 */
export async function reading(
  engine: Engine,
  input: WithSplits & Reading,
  hooks: TaskHooks,
  work: (read: Input) => Promise<TaskOutput>,
): Promise<TaskOutput> {
  const nothing = { files: [], arrivals: null, landed: null };
  if (input.splits.length === 0) return work(nothing);
  return withSource(engine, input, hooks, async (fetching, stop) => {
    const batches = batchesOf(input.splits, fetching.session.transfers, input.memory);
    if (batches.length === 1) {
      if (takesArrivals(fetching.session, input))
        return arriving(fetching, input.splits, stop, (arrivals) => work({ ...nothing, arrivals }));
      return together(fetching, input.splits, (files) => work({ ...nothing, files }));
    }
    const landed: Landed[] = [];
    const wider: WiderColumn[] = [];
    for await (const files of spooled(fetching, batches)) {
      if (wider.length > 0) {
        wider.push(...(await searched(engine, input, files)));
        continue;
      }
      const name = `landed-${landed.length}`;
      const output = await guarded(
        engine,
        input,
        async () => files,
        async (reader) => ({
          type: 'landed',
          landed: await landFiles(engine, input, files, reader, name),
        }),
      );
      if (output.type === 'widen') wider.push(...output.columns);
      else if (output.type === 'landed') landed.push(output.landed);
    }
    return wider.length > 0 ? { type: 'widen', columns: wider } : work({ ...nothing, landed });
  });
}

/** Whether rows go straight from files of another machine into a table that the engine fills. */
function takesArrivals(session: SourceSession, input: WithSplits & Reading): boolean {
  const { destination } = input.stream;
  const byEngine = specs.destinations[destination.type]?.capabilities.parallel === 'engine';
  const fromElsewhere = session.transfers !== undefined && !session.describe;
  return input.type === 'load' && input.plan.direct && byEngine && fromElsewhere && input.splits.length > 1;
}

async function arriving<T>(
  fetching: Fetching,
  splits: Split[],
  stop: () => void,
  work: (arrivals: Arrivals) => Promise<T>,
): Promise<T> {
  const arrivals = new Arrivals(fetching, splits);
  try {
    return await work(arrivals);
  } catch (error) {
    stop();
    throw error;
  } finally {
    // Nothing may be written into the folder once it is removed.
    await arrivals.all().catch(() => undefined);
  }
}

async function together<T>(fetching: Fetching, splits: Split[], work: (files: LocalFile[]) => Promise<T>): Promise<T> {
  const files = await fetchAll(fetching, splits);
  try {
    return await work(files);
  } finally {
    if (fetching.session.transfers === undefined) await discard(fetching, files);
  }
}

async function searched(engine: Engine, input: Reading, files: LocalFile[]): Promise<WiderColumn[]> {
  const format = await readerOf(input.plan.format);
  return verifyColumns(engine, input.stream, input.plan, format, files);
}

export type Reading = TaskCommon & { plan: StreamPlan };

/** Readings of the same files that a task tries before it takes what they say. */
const READINGS = 3;

/**
 * Runs `work` with a reader; a reading that turns out to be unsure is thrown away and done anew. Where a value breaks an
 * inferred type, finds every column that breaks over all files of the task: `all` gives them, and where it fails so has `work`.
 */
export async function guarded(
  engine: Engine,
  input: Reading,
  all: () => Promise<LocalFile[]>,
  work: (reader: SureReader) => Promise<TaskOutput>,
): Promise<TaskOutput> {
  const format = await readerOf(input.plan.format);
  for (let reading = 1; ; reading++) {
    const reader = new SureReader(format);
    try {
      return await work(reader);
    } catch (error) {
      const files = await all();
      if (reading < READINGS && !(await reader.sure(null))) continue;
      const mark = raisedMark(error);
      if (mark?.kind === 'widen') {
        return { type: 'widen', columns: await verifyColumns(engine, input.stream, input.plan, format, files) };
      }
      if (mark) throw await explainDirect(engine, input.stream, input.plan, format, files, mark, factsOf(input));
      if (error instanceof SluiceError) throw error;
      throw (await explained(format, error as Error, files, input)) ?? error;
    }
  }
}

/** What a format knows of an engine error; where columns are masked no sentence of the engine's, which may show a line. */
async function explained(
  format: FormatReader,
  error: Error,
  files: LocalFile[],
  input: Reading,
): Promise<Error | null> {
  const found = await format.explain(error, files, input.plan.sniffed);
  return found instanceof SluiceError ? quiet(found, masksAny(input.stream)) : found;
}

export function factsOf({ runId, loadedAt, window, stream }: TaskCommon): RunFacts {
  const windowStart = stream.incremental.type === 'window' ? (window?.from ?? null) : null;
  return { runId, loadedAt, windowStart };
}

export async function landFiles(
  engine: Engine,
  input: Reading,
  files: LocalFile[],
  reader: SureReader,
  name = 'landed',
): Promise<Landed> {
  const landed = await land(engine, {
    stream: input.stream,
    plan: input.plan,
    reader,
    files,
    facts: factsOf(input),
    name,
  });
  await reader.requireSure(landed.rows_read - landed.rows_skipped);
  return landed;
}
