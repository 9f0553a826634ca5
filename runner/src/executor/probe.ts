import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, SluiceError, type SluiceErrorJson, type Stream, type StreamKey } from '@sluice/core';
import { type DestinationSession, openEngine, openSource, type Split } from '@sluice/core/runtime';
import { atDestination } from './destination.ts';
import { redactDeep, redactorOf } from './redact.ts';

/** One thing that was tried, and how that went. */
export interface Probe {
  what: 'reach' | 'read' | 'write';
  side: 'source' | 'destination';
  /** What was found; null where it failed. */
  found: string | null;
  error: SluiceErrorJson | null;
}

export interface ProbeRequest {
  projectDir: string;
  key: StreamKey;
  /** With its references put in. */
  stream: Stream;
  stateStore: string | null;
  signal: AbortSignal;
}

/** A system that says nothing for this long is not reached. */
const PATIENCE_MS = 30_000;
/** To try reading, the smallest piece is fetched, where it is no larger. */
const MAX_FETCH = 64_000_000;

/**
 * Tries what a run of the stream would need: to reach and list the source, to read a piece of it, to reach the destination and
 * have the rights to write. Nothing is written. Failures are answers, without secrets.
 */
export async function probeStream(request: ProbeRequest): Promise<Probe[]> {
  const attempts = new Attempts(request);
  await probeSourceIn(attempts);
  await attempts.add('write', 'destination', (signal) => write(request, signal));
  return attempts.probes;
}

/** The half of it that asks the source. */
export async function probeSource(request: ProbeRequest): Promise<Probe[]> {
  const attempts = new Attempts(request);
  await probeSourceIn(attempts);
  return attempts.probes;
}

async function probeSourceIn(attempts: Attempts): Promise<void> {
  const { request } = attempts;
  let splits: Split[] = [];
  const reached = await attempts.add('reach', 'source', async (signal) => {
    splits = await list(request, signal);
    return pieces(splits);
  });
  if (reached && splits.length > 0) await attempts.add('read', 'source', (signal) => read(request, splits, signal));
  await rm(spoolOf(request), { recursive: true, force: true });
}

/** What was tried so far. */
class Attempts {
  readonly request: ProbeRequest;
  readonly probes: Probe[] = [];

  constructor(request: ProbeRequest) {
    this.request = request;
  }

  /** false: it failed. */
  async add(
    what: Probe['what'],
    side: Probe['side'],
    work: (signal: AbortSignal) => Promise<string>,
  ): Promise<boolean> {
    const { stream, signal } = this.request;
    const redact = redactorOf({ streams: [stream] });
    const patience = AbortSignal.timeout(PATIENCE_MS);
    try {
      const found = await work(AbortSignal.any([signal, patience]));
      this.probes.push({ what, side, found: redact(found), error: null });
      return true;
    } catch (error) {
      signal.throwIfAborted();
      const known = patience.aborted ? silent(side, stream) : asError(error, side);
      const json = redactDeep(known.toJSON(), redact);
      this.probes.push({ what, side, found: null, error: { ...json, where: { ...json.where, stream: stream.name } } });
      return false;
    }
  }
}

function asError(error: unknown, side: Probe['side']): SluiceError {
  if (error instanceof SluiceError) return error;
  return new SluiceError(`${side}/failed`, 'terminal', messageOf(error));
}

function silent(side: Probe['side'], stream: Stream): SluiceError {
  const { type } = stream[side];
  return new SluiceError(`${side}/unreachable`, 'transient', `${type} gave no answer in ${PATIENCE_MS / 1000} s`, {
    hint: 'Check host, port and firewall; a run waits longer and tries again as `retries` says.',
  });
}

function open({ stream, projectDir }: ProbeRequest, signal: AbortSignal) {
  return openSource(stream, { projectDir, signal, log: () => undefined });
}

async function list(request: ProbeRequest, signal: AbortSignal): Promise<Split[]> {
  const session = await open(request, signal);
  try {
    await session.test();
    const splits: Split[] = [];
    const known = new Map();
    const incremental: Stream['incremental'] = { type: 'none' };
    const wanted = { checkpoint: null, known, incremental, spool: spoolOf(request), rows: 1 };
    for await (const split of session.splits(wanted)) splits.push(split);
    return splits;
  } finally {
    await session.close();
  }
}

function pieces(splits: readonly Split[]): string {
  const files = splits.filter((split) => split.file !== null).length;
  if (splits.length === 0) return 'reached; there is nothing to load';
  const noun = files === splits.length ? 'file' : 'part';
  return `reached and listed: ${splits.length} ${noun}${splits.length === 1 ? '' : 's'}`;
}

async function read(request: ProbeRequest, splits: readonly Split[], signal: AbortSignal): Promise<string> {
  const [smallest] = [...splits].sort((a, b) => (a.bytes ?? 0) - (b.bytes ?? 0));
  const name = smallest?.file?.path ?? 'the first part';
  if (!smallest || (smallest.bytes ?? 0) > MAX_FETCH) return `not tried: ${name} is the smallest and large`;
  const spool = spoolOf(request);
  await mkdir(spool, { recursive: true });
  const session = await open(request, signal);
  const engine = await openEngine({ spool, threads: 1, memory: 200_000_000 });
  try {
    await session.fetch(smallest, spool, engine);
    return `read ${name}`;
  } finally {
    engine.close();
    await session.close();
  }
}

function spoolOf({ projectDir }: ProbeRequest): string {
  return join(projectDir, '.sluice', 'spool', `doctor-${process.pid}`);
}

async function write(request: ProbeRequest, signal: AbortSignal): Promise<string> {
  const { key, stream, projectDir, stateStore } = request;
  let waits = '';
  const onWait = (holder: string) => {
    waits = ` (waited for ${holder})`;
  };
  const place = { projectDir, key, use: stream.destination, stateStore, holder: 'sluice doctor', signal, onWait };
  return atDestination(place, async (session) => `${await reachable(session)}${waits}`);
}

async function reachable(session: DestinationSession): Promise<string> {
  await session.test();
  const state = await session.inspect();
  const table = state?.table ? 'the table is there' : 'the table will be made';
  return `reached, may write; ${table}`;
}
