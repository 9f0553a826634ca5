import { mkdir, readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  addressesOf,
  type Job,
  messageOf,
  type ReplayEntry,
  type RunWindow,
  SluiceError,
  type Stream,
  zeroCounts,
} from '@sluice/core';
import {
  cleanStream,
  type EpochPorts,
  type Expanded,
  expandStreams,
  faultPoint,
  replayInput,
  runStream,
  type StreamOutcome,
  type StreamRun,
  streamOfTable,
  type TaskLog,
} from '@sluice/core/runtime';
import { openStore, type Store } from '../store/store.ts';
import type { RunRequest, StreamResult } from './api.ts';
import type { FromExecutor, ToExecutor } from './messages.ts';
import { openPool, type TaskPool } from './pool.ts';
import { portsOf } from './ports.ts';
import { type Redact, redactDeep, redactorOf } from './redact.ts';
import { withReferences } from './resolve.ts';
import { runOfSpool, spoolName } from './spools.ts';
import { windowedStreams } from './windowed.ts';

/** Entry of the executor: the child process in which one attempt of a run lives. */

type RunMessage = Extract<ToExecutor, { type: 'run' }>;
type CleanMessage = Extract<ToExecutor, { type: 'clean' }>;

const HEARTBEAT_MS = 1000;
const stop = new AbortController();

function send(message: FromExecutor): void {
  // The channel is gone when the parent died; the disconnect handler ends this process.
  if (process.connected) process.send?.(message);
}

process.title = 'sluice executor';
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('SIGINT', () => {});
process.on('message', (message: ToExecutor) => {
  if (message.type === 'stop') stop.abort();
  else void main(message);
});

async function main(message: RunMessage | CleanMessage): Promise<void> {
  const beat = setInterval(() => send({ type: 'heartbeat' }), HEARTBEAT_MS);
  send({ type: 'heartbeat' });
  let redact: Redact = (text) => text;
  let result: FromExecutor;
  const pools: TaskPool[] = [];
  try {
    const job = await withReferences({ ...message.request, storeUrl: message.storeUrl }, stop.signal);
    redact = redactorOf(job);
    if (message.type === 'run') await runJob(message, job, redact, pools);
    else await clean(message, job);
    result = { type: 'result', error: null };
  } catch (error) {
    result = { type: 'result', error: redactDeep(asSluiceError(error).toJSON(), redact) };
  }
  clearInterval(beat);
  // The answer has to be written out before this process ends, and before its threads do: a thread with the engine in it that goes down
  // takes the process with it now and then, which must not make a failure of what was committed.
  const end = () => void Promise.allSettled(pools.map((pool) => pool.close())).then(() => process.exit(0));
  if (process.connected) process.send?.(result, end);
}

function asSluiceError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const message = messageOf(error);
  return new SluiceError('run/failed', 'terminal', message, { cause: error });
}

function stopped(): SluiceError {
  return new SluiceError('run/cancelled', 'terminal', 'The run was stopped');
}

/** Runs the job's streams with a pool of threads that it adds to `pools`: who calls closes them. */
async function runJob(message: RunMessage, job: Job, redact: Redact, pools: TaskPool[]): Promise<void> {
  const { request, runId } = message;
  const log: TaskLog = (level, text, fields = {}) => {
    const stream = typeof fields.stream === 'string' ? fields.stream : null;
    send({
      type: 'event',
      event: { type: 'log', level, message: redact(text), stream, fields: redactDeep(fields, redact) },
    });
  };
  // Its first thread loads the engine while the state store is asked.
  const pool = openPool(job.compute.workers.max, stop.signal, log);
  pools.push(pool);
  const store = await openStore({ url: message.storeUrl });
  const spools = join(request.projectDir, '.sluice', 'spool');
  // An attempt that lost its lease may still be writing to its own.
  const spool = join(spools, spoolName(runId, message.attempt));
  await sweep(spools, store);
  try {
    await mkdir(spool, { recursive: true });
    const entries = await expandStreams(job.streams, { projectDir: request.projectDir, signal: stop.signal, log });
    requireStream(request.stream, entries);
    for (const entry of entries) {
      const stream = 'error' in entry ? job.streams[entry.index] : entry.stream;
      if (!stream?.enabled || message.doneStreams.includes(stream.name)) continue;
      const wanted = request.stream === null || request.stream === stream.name;
      if ('error' in entry) {
        if (wanted || request.stream !== null)
          send({ type: 'stream', result: failed(job, stream, entry.error, redact) });
        continue;
      }
      if (!wanted) continue;
      if (request.windowedOnly && windowFor(request, stream) === null) continue;
      const symbols = symbolsOf(request.job, entry);
      const result = await runOne(message, job, stream, symbols, { store, pool, log, spool, redact });
      send({ type: 'stream', result });
      if (stop.signal.aborted) break;
    }
  } finally {
    // What cannot be removed now must not make a failure of what was committed: the runner tries again.
    await rm(spool, { recursive: true, force: true }).catch(() => undefined);
    await store.close();
  }
}

/** The window as far as it is about a stream: a windowed one's, or, where the job has none, that of a backfilled cursor. */
function windowFor({ job, stream, window, kind }: RunRequest, { incremental }: Stream): RunWindow | null {
  const wanted = windowedStreams(job, stream).length > 0 ? 'window' : kind === 'backfill' ? 'cursor' : null;
  return incremental.type === wanted ? (window ?? null) : null;
}

type Entry = Extract<Expanded, { stream: Stream }>;

/** The stream as it is written, its references still symbols. */
function symbolsOf(job: Job, entry: Entry): Stream {
  const written = job.streams[entry.index] ?? entry.stream;
  return entry.table ? streamOfTable(written, entry.table) : written;
}

/** A stream of a pattern is known only now. Throws `stream/unknown`. */
function requireStream(name: string | null, entries: readonly Expanded[]): void {
  if (name === null || entries.some((entry) => 'error' in entry || entry.stream.name === name)) return;
  const names = entries.flatMap((entry) => ('stream' in entry ? [entry.stream.name] : []));
  throw new SluiceError('stream/unknown', 'config', `The job has no stream ${name}`, {
    hint: `There is ${names.join(', ')}.`,
  });
}

/** A stream that cannot even begin. */
function failed(job: Job, { name, destination }: Stream, error: SluiceError, redact: Redact): StreamResult {
  const known = redactDeep(error.toJSON(), redact);
  const where = { job: job.name, stream: name, ...known.where };
  const shown = `${destination.type}: ${destination.schema ?? ''}`;
  return {
    stream: name,
    status: 'failed',
    counts: zeroCounts(),
    checkpoint: null,
    destination: shown,
    error: { ...known, where },
  };
}

/** Ends the streams of a run whose executor died; one where that fails is left to the job's next run. */
async function clean({ request, runId, storeUrl }: CleanMessage, job: Job): Promise<void> {
  await faultPoint('clean.before');
  const store = await openStore({ url: storeUrl });
  const log: TaskLog = () => undefined;
  const cores = availableParallelism();
  try {
    const context = { projectDir: request.projectDir, signal: stop.signal, log };
    for (const entry of await expandStreams(job.streams, context)) {
      if ('error' in entry) continue;
      const { stream } = entry;
      const key = { project: job.project, target: job.target, job: job.name, stream: stream.name };
      const nobody = () => undefined;
      const means = { job, runId, store, pool: null, log, signal: stop.signal, emit: nobody, committing: nobody };
      const ports = portsOf(means);
      const run = { key, stream, runId, projectDir: request.projectDir, memory: job.compute.memory, cores };
      await cleanStream(run, ports).catch(() => undefined);
    }
  } finally {
    await store.close();
  }
}

/**
 * Removes the spools of runs that were killed: they had no time to do it themselves. An executor that lives a moment longer than its
 * runner may still write: what cannot be removed now is left to the next run.
 */
async function sweep(spools: string, store: Store): Promise<void> {
  const names = await readdir(spools).catch(() => []);
  if (names.length === 0) return;
  const runs = new Set(await store.ended(names.map(runOfSpool)));
  const ended = names.filter((name) => runs.has(runOfSpool(name)));
  for (const name of ended) await rm(join(spools, name), { recursive: true, force: true }).catch(() => undefined);
}

interface Means {
  store: Store;
  pool: TaskPool;
  log: TaskLog;
  spool: string;
  redact: Redact;
}

/** Runs the rows again that were set aside. */
async function replay(run: StreamRun, entry: ReplayEntry, ports: EpochPorts): Promise<StreamOutcome> {
  const input = await replayInput(run, entry, ports);
  if (input) return runStream({ ...run, ...input }, ports);
  return { counts: zeroCounts(), checkpoint: null, empty: true };
}

/** Runs one stream; its failure is its result, so that the other streams go on (I8). */
async function runOne(
  message: RunMessage,
  job: Job,
  stream: Stream,
  symbols: Stream,
  means: Means,
): Promise<StreamResult> {
  const { request, runId } = message;
  const { schema, table, type } = stream.destination;
  const destination = `${type}: ${schema ? `${schema}.` : ''}${table}`;
  const run: StreamRun = {
    key: { project: job.project, target: job.target, job: job.name, stream: stream.name },
    runId,
    loadedAt: new Date().toISOString(),
    projectDir: request.projectDir,
    stream,
    spool: means.spool,
    memory: job.compute.memory,
    addresses: addressesOf(symbols),
    renamedFrom: job.renamed_from,
    fullRefresh: request.fullRefresh,
    window: windowFor(request, stream),
    backfill: request.kind === 'backfill',
    attempt: message.attempt,
    workers: job.compute.workers,
    cores: availableParallelism(),
    deadRuns: message.deadRuns,
    signal: stop.signal,
  };
  try {
    const ports = portsOf({
      ...means,
      job,
      runId,
      attempt: message.attempt,
      signal: stop.signal,
      emit: (event) => send({ type: 'event', event }),
      committing: () => send({ type: 'committing' }),
    });
    const outcome = await (request.replay ? replay(run, request.replay, ports) : runStream(run, ports));
    const status = outcome.empty ? 'skipped' : 'succeeded';
    return {
      stream: stream.name,
      status,
      counts: outcome.counts,
      checkpoint: outcome.checkpoint,
      ...(outcome.columns ? { columns: outcome.columns } : {}),
      destination,
      error: null,
    };
  } catch (error) {
    const cause = stop.signal.aborted ? stopped() : asSluiceError(error);
    const known = redactDeep(cause.toJSON(), means.redact);
    const where = { job: job.name, stream: stream.name, ...known.where };
    const status = known.code === 'run/cancelled' ? 'cancelled' : 'failed';
    await means.store
      .failStream({ run: runId, stream: stream.name, state: status, error: { ...known, where } })
      .catch(() => undefined);
    return {
      stream: stream.name,
      status,
      counts: zeroCounts(),
      checkpoint: null,
      destination,
      error: { ...known, where },
    };
  }
}
