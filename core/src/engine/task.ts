import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DestinationSession, Engine, LocalFile, Split } from '../model/component.ts';
import { type ErrorPlace, SluiceError } from '../model/error.ts';
import { faultPoint } from '../model/fault.ts';
import { type Checkpoint, zeroCounts } from '../model/run.ts';
import * as registry from '../registry.ts';
import type { Arrivals } from './arrivals.ts';
import { loadSteps, pick } from './components.ts';
import { destinationCounts, enforceLimits, gateRows, settle } from './counts.ts';
import type { CursorState } from './cursor.ts';
import { arrivingRows, directRows } from './direct.ts';
import { cage, type OwnedEngine, openEngine } from './duckdb.ts';
import { engineFailure } from './failures.ts';
import type { Landed } from './land.ts';
import { masksAny, prepareMasks } from './mask.ts';
import { taskShare } from './meter.ts';
import { prepare, prepareColumns } from './prepare.ts';
import { factsOf, guarded, type Input, landFiles, type Reading, reading, withFiles } from './reading.ts';
import { makeReady, type Ready } from './ready.ts';
import { totalBytes } from './splits.ts';
import { spoolFolder } from './spool.ts';
import type { StreamPlan } from './stream-plan.ts';
import type { SureReader } from './sure-reader.ts';
import type { Arrived, TaskCommon, TaskHooks, TaskInput, TaskOutput } from './task-types.ts';
import { widenPlan } from './wider.ts';

/** Runs one task in this thread with an engine of its own. Throws SluiceErrors; leaves no folder behind but landed parts. */
export async function runTask(input: TaskInput, given: TaskHooks): Promise<TaskOutput> {
  const arrived: Arrived = { bytes: 0, rows: 0 };
  const came = (bytes: number, rows: number) => {
    arrived.bytes += bytes;
    arrived.rows += rows;
  };
  const hooks = { ...given, came };
  hooks.signal.throwIfAborted();
  const spool = join(input.spool, taskName(input));
  await rm(spool, { recursive: true, force: true });
  await mkdir(spool, { recursive: true });
  const engine = await openEngine({ spool, threads: input.threads, memory: input.memory });
  const stop = watch(engine, hooks, arrived, 'splits' in input ? totalBytes(input.splits) : null);
  const where = { job: input.key.job, stream: input.stream.name, run: input.runId };
  try {
    await prepareMasks(engine, input.stream);
    return await dispatch(engine, input, hooks);
  } catch (error) {
    if (hooks.signal.aborted) throw cancelled(where);
    throw engineFailure(error, where, masksAny(input.stream));
  } finally {
    stop();
    engine.close();
    if (input.type !== 'land') await rm(spool, { recursive: true, force: true, maxRetries: 5 });
  }
}

function taskName(input: TaskInput): string {
  const part = 'task' in input ? `-${input.task}` : '';
  const version = 'plan' in input ? `-v${input.plan.schemaVersion}` : '';
  return `${input.stream.name.replaceAll(/[^\w.-]/g, '_')}-${input.type}${part}${version}`;
}

function cancelled(where: ErrorPlace): SluiceError {
  return new SluiceError('run/cancelled', 'terminal', 'The run was stopped', { where });
}

/** Interrupts the query when the run is stopped, and reports how far it is. */
function watch(engine: OwnedEngine, hooks: TaskHooks, arrived: Arrived, bytes: number | null): () => void {
  const share = taskShare(engine, bytes);
  const onAbort = () => engine.interrupt();
  hooks.signal.addEventListener('abort', onAbort);
  // The interrupt only reaches a query that runs: a later query must be stopped too.
  const timer = setInterval(() => {
    if (hooks.signal.aborted) engine.interrupt();
    else hooks.progress(share(), { ...arrived });
  }, 250);
  return () => {
    clearInterval(timer);
    hooks.signal.removeEventListener('abort', onAbort);
  };
}

async function dispatch(engine: OwnedEngine, input: TaskInput, hooks: TaskHooks): Promise<TaskOutput> {
  switch (input.type) {
    case 'prepare':
      return { type: 'planned', plan: await prepareTask(engine, input, hooks) };
    case 'widen':
      await cage(engine, { files: [], folders: [] });
      return { type: 'planned', plan: await widenPlan(engine, input.stream, input.plan, input.columns, input.table) };
    case 'land':
      return reading(engine, input, hooks, (read) => landTask(engine, input, read));
    case 'stage':
      return reading(engine, input, hooks, (read) => stageTask(engine, input, read, hooks));
    case 'load':
      return reading(engine, input, hooks, (read) =>
        loadTask(engine, input, { ...read, landed: read.landed ?? input.landed }, hooks),
      );
  }
}

async function prepareTask(
  engine: Engine,
  input: TaskInput & { type: 'prepare' },
  hooks: TaskHooks,
): Promise<StreamPlan> {
  const { stream, table, source } = input;
  if (source) return prepareColumns(engine, { stream, source, table });
  return withFiles(engine, input, hooks, (files) => prepare(engine, { stream, files, table }));
}

async function connect(input: TaskCommon, hooks: TaskHooks): Promise<DestinationSession> {
  const destination = await pick(registry.destinations, 'destination', input.stream.destination.type);
  return destination.connect({
    key: input.key,
    use: input.stream.destination,
    projectDir: input.projectDir,
    runId: input.runId,
    signal: hooks.signal,
    log: hooks.log,
    budget: { threads: input.threads, memory: input.memory },
  });
}

async function landTask(
  engine: Engine,
  input: TaskInput & { type: 'land' },
  { files, landed: before }: Input,
): Promise<TaskOutput> {
  await faultPoint('land.before');
  if (before) return { type: 'landed', landed: joinLanded(before) };
  return guarded(
    engine,
    input,
    async () => files,
    async (reader) => {
      const landed = await landFiles(engine, input, files, reader);
      await faultPoint('land.after');
      return { type: 'landed', landed };
    },
  );
}

async function stageTask(
  engine: OwnedEngine,
  input: TaskInput & { type: 'stage' },
  read: Input,
  hooks: TaskHooks,
): Promise<TaskOutput> {
  const session = await connect(input, hooks);
  const { files, landed } = read;
  try {
    await cage(engine, { files: files.map((f) => f.path), folders: session.folders });
    return await guarded(
      engine,
      input,
      async () => files,
      async (reader) => {
        const { rows, counts, open } = await readyRows(engine, input, read, null, hooks, reader);
        const request = {
          epoch: input.epoch,
          task: input.task,
          attempt: input.attempt,
          columns: rows.columns,
          disposition: input.disposition,
        };
        // A task's second staging replaces its first.
        const token = await session.stage(request, rows);
        if (landed === null && input.plan.direct) await reader.requireSure(token.rows);
        return { type: 'staged', token, counts: settle(counts, open, token.rows), columns: rows.columns };
      },
    );
  } finally {
    await session.close();
  }
}

async function loadTask(
  engine: OwnedEngine,
  input: TaskInput & { type: 'load' },
  read: Input,
  hooks: TaskHooks,
): Promise<TaskOutput> {
  const session = await connect(input, hooks);
  const { files, arrivals, landed } = read;
  try {
    await session.attach(engine);
    const parts = (landed ?? []).flatMap((l) => [...l.parts, ...l.rejects]);
    await cage(engine, {
      files: [...files.map((f) => f.path), ...parts, ...session.files],
      folders: [...session.folders, ...(arrivals ? [spoolFolder(input.spool, input.stream)] : [])],
    });
    const all = async () => (arrivals ? arrivals.all() : files);
    return await guarded(engine, input, all, async (reader) => {
      const { rows, counts, open, cursor } = await readyRows(engine, input, read, input.checkpoint, hooks, reader);
      enforceLimits(counts, input.maxRejected, input.stream);
      const direct = landed === null && input.plan.direct;
      // The last question before COMMIT: was everything read right, and do the checks on the number of rows hold?
      rows.gate = async (written) => {
        if (direct) await reader.requireSure(written);
        await gateRows(input.stream, written, hooks.log);
      };
      const checkpoint = nextCheckpoint(input.commit.checkpoint, cursor);
      const commit = { ...input.commit, checkpoint, columns: rows.columns, counts };
      const result = await session.load(commit, rows);
      const settled = settle(counts, open, result.rows_written);
      return {
        type: 'loaded',
        counts: { ...settled, ...destinationCounts(result) },
        checkpoint,
        repeated: result.repeated,
      };
    });
  } finally {
    await session.detach(engine).catch(() => undefined);
    await session.close();
  }
}

function nextCheckpoint(base: Checkpoint, cursor: CursorState | null): Checkpoint {
  return cursor === null ? base : { ...base, cursor: { value: cursor.value, ties: cursor.ties } };
}

/** Rows by the direct way, or landed first where something diverts or counts them. */
async function readyRows(
  engine: OwnedEngine,
  input: Reading,
  { files, arrivals, landed }: Input,
  checkpoint: Checkpoint | null,
  hooks: TaskHooks,
  reader: SureReader,
): Promise<Ready> {
  const { steps, checks } = await loadSteps(input.stream, engine);
  const { stream, plan } = input;
  if (arrivals) {
    const counts = zeroCounts();
    const direct = { stream, plan, reader, steps, checks, facts: factsOf(input) };
    const rows = arrivingRows(
      engine,
      direct,
      () => measured(arrivals, engine),
      (group, count) => {
        reader.counted(count);
        counts.bytes_read += bytesOf(group);
      },
    );
    return { rows, counts, open: true, cursor: null };
  }
  if (landed === null && plan.direct) {
    const rows = await directRows(engine, { stream, plan, reader, files, steps, checks, facts: factsOf(input) });
    return { rows, counts: { ...zeroCounts(), bytes_read: bytesOf(files) }, open: true, cursor: null };
  }
  const all = landed ?? [await landFiles(engine, input, files, reader)];
  const names = files.length > 0 ? files : namesOf(input);
  return makeReady(engine, {
    stream,
    plan,
    steps,
    checks,
    landed: joinLanded(all),
    files: names,
    checkpoint,
    window: input.window ?? null,
    loadedAt: input.loadedAt,
    log: hooks.log,
  });
}

/** The groups of files that arrive; while one of them is read, the query's progress is that of a part of the task. */
async function* measured(arrivals: Arrivals, engine: OwnedEngine): AsyncGenerator<LocalFile[]> {
  let read = 0;
  for await (const group of arrivals.groups()) {
    const from = read;
    read += group.length;
    engine.measure(from / arrivals.count, read / arrivals.count);
    yield group;
  }
}

function bytesOf(files: readonly LocalFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

/** The source's names of files that are not at hand: read in batches, or by other tasks. */
function namesOf(input: Reading & { names?: { ordinal: number; name: string }[]; splits?: Split[] }) {
  return input.names ?? (input.splits ?? []).map((s) => ({ ordinal: s.ordinal, name: s.file?.path ?? '' }));
}

function joinLanded(all: Landed[]): Landed {
  const sum = (pick: (l: Landed) => number) => all.reduce((total, l) => total + pick(l), 0);
  return {
    parts: all.flatMap((l) => l.parts),
    rejects: all.flatMap((l) => l.rejects),
    rows_read: sum((l) => l.rows_read),
    rows_skipped: sum((l) => l.rows_skipped),
    rows_marked: sum((l) => l.rows_marked),
    rows_unsplit: sum((l) => l.rows_unsplit),
    bytes_read: sum((l) => l.bytes_read),
    bytes_landed: sum((l) => l.bytes_landed),
  };
}
