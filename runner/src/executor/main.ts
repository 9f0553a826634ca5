import { readFileSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { type Job, type Json, resolveReferences, SluiceError, type Stream, zeroCounts } from '@sluice/core';
import { runStream, type StreamRun, type TaskLog } from '@sluice/core/runtime';
import { openStore, type Store } from '../store/store.ts';
import { addressesOf } from './addresses.ts';
import type { RunRequest, StreamResult } from './api.ts';
import type { FromExecutor, ToExecutor } from './messages.ts';
import { openPool, type TaskPool } from './pool.ts';
import { portsOf } from './ports.ts';
import { type Redact, redactDeep, redactorOf } from './redact.ts';

/** Entry of the executor: the child process in which one attempt of a run lives. */

type RunMessage = Extract<ToExecutor, { type: 'run' }>;

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

async function main(message: RunMessage): Promise<void> {
  const beat = setInterval(() => send({ type: 'heartbeat' }), HEARTBEAT_MS);
  send({ type: 'heartbeat' });
  let redact: Redact = (text) => text;
  try {
    const job = withReferences(message.request);
    redact = redactorOf(job);
    const streams = await runJob(message, job, redact);
    send({ type: 'result', streams, error: null });
  } catch (error) {
    send({ type: 'result', streams: [], error: redactDeep(asSluiceError(error).toJSON(), redact) });
  } finally {
    clearInterval(beat);
    process.disconnect?.();
  }
}

function asSluiceError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SluiceError('run/failed', 'terminal', message, { cause: error });
}

/** The job with the values of its references put in. They live in this process and its threads alone. */
function withReferences(request: RunRequest): Job {
  const missing = new Set<string>();
  const streams = request.job.streams.map((stream) => {
    const resolved = resolveReferences(stream as unknown as Json, {
      env: request.env,
      file: (path) => readReference(request.projectDir, path),
      stream: stream.name,
    });
    for (const name of resolved.missing) missing.add(name);
    return resolved.value as unknown as Stream;
  });
  if (missing.size > 0) {
    throw new SluiceError('reference/unset', 'config', `No value for ${[...missing].join(', ')}`, {
      where: { job: request.job.name },
      hint: 'Set the variable in the environment or in `.env` beside sluice.yaml, or give a default: ${env:NAME:-default}.',
    });
  }
  return { ...request.job, streams };
}

function readReference(projectDir: string, path: string): string | null {
  const full = resolve(projectDir, path);
  const inside = relative(projectDir, full);
  const allowed = (!inside.startsWith('..') && !isAbsolute(inside)) || full.startsWith('/run/secrets/');
  if (!allowed) return null;
  try {
    return readFileSync(full, 'utf8').replace(/\r?\n$/, '');
  } catch {
    return null;
  }
}

async function runJob(message: RunMessage, job: Job, redact: Redact): Promise<StreamResult[]> {
  const { request, runId } = message;
  const store = await openStore({ url: message.storeUrl });
  const spools = join(request.projectDir, '.sluice', 'spool');
  const spool = join(spools, runId);
  await sweep(spools, store);
  await mkdir(spool, { recursive: true });
  const log: TaskLog = (level, text, fields = {}) => {
    const stream = typeof fields.stream === 'string' ? fields.stream : null;
    send({
      type: 'event',
      event: { type: 'log', level, message: redact(text), stream, fields: redactDeep(fields, redact) },
    });
  };
  const pool = openPool(job.compute.workers.max, stop.signal, log);
  const results: StreamResult[] = [];
  try {
    for (const [index, stream] of job.streams.entries()) {
      const wanted = request.stream === null || request.stream === stream.name;
      if (!stream.enabled || !wanted || message.doneStreams.includes(stream.name)) continue;
      const symbols = request.job.streams[index] ?? stream;
      const result = await runOne(message, job, stream, symbols, { store, pool, log, spool, redact });
      results.push(result);
      if (stop.signal.aborted) break;
    }
    return results;
  } finally {
    await pool.close();
    await rm(spool, { recursive: true, force: true });
    await store.close();
  }
}

/** Removes the spools of runs that were killed: they had no time to do it themselves. */
async function sweep(spools: string, store: Store): Promise<void> {
  const names = await readdir(spools).catch(() => []);
  if (names.length === 0) return;
  for (const run of await store.ended(names)) await rm(join(spools, run), { recursive: true, force: true });
}

interface Means {
  store: Store;
  pool: TaskPool;
  log: TaskLog;
  spool: string;
  redact: Redact;
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
    attempt: message.attempt,
    workers: job.compute.workers,
    cores: availableParallelism(),
    deadRuns: message.deadRuns,
    signal: stop.signal,
  };
  try {
    const outcome = await runStream(
      run,
      portsOf({
        ...means,
        job,
        runId,
        signal: stop.signal,
        emit: (event) => send({ type: 'event', event }),
      }),
    );
    const status = outcome.empty ? 'skipped' : 'succeeded';
    return {
      stream: stream.name,
      status,
      counts: outcome.counts,
      checkpoint: outcome.checkpoint,
      destination,
      error: null,
    };
  } catch (error) {
    const known = redactDeep(asSluiceError(error).toJSON(), means.redact);
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
