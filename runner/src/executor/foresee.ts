import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  addressesOf,
  type ComponentUse,
  canonicalJson,
  changedAddresses,
  type FileIdentity,
  type Job,
  type Json,
  lookRefusal,
  messageOf,
  type Plan,
  replacesAll,
  type Seen,
  SluiceError,
  type Stream,
  streamAddress,
  tableName,
} from '@sluice/core';
import { declaredRows, foreseeStream } from '@sluice/core/runtime';
import { atDestination, type DestinationSession } from './destination.ts';
import { redactDeep, redactorOf } from './redact.ts';
import { withReferences } from './resolve.ts';
import { lastWindow } from './windowed.ts';

export interface ForeseeRequest {
  projectDir: string;
  env: Record<string, string>;
  stateStore: string | null;
  plan: Pick<Plan, 'changes'>;
  /** The jobs that the files ask for, and those that are applied. */
  desired: readonly Job[];
  applied: readonly Job[];
  /** Applied jobs whose connections may be used for a look; left out: all. */
  trusted?: readonly Job[];
  signal: AbortSignal;
  onWait(holder: string): void;
}

/** More streams are not looked at for one plan, and none for longer than this. */
const MOST_STREAMS = 50;
const PATIENCE_MS = 20_000;
const MOST_MS = 90_000;
const SAMPLE_ROWS = 100;

/** A stream that a plan makes or changes. */
interface Changed {
  address: string;
  job: Job;
  stream: Stream;
}

/**
 * Looks at the destination of each stream that the plan makes or changes, and at its source, through what is applied as it stands in
 * the files. What cannot be looked at is told of in the answer. Nothing is written; throws where the signal says stop.
 */
export async function foresee(request: ForeseeRequest): Promise<Seen[]> {
  const seen: Seen[] = [];
  const until = Date.now() + MOST_MS;
  const changed = changedStreams(request);
  for (const [i, one] of changed.entries()) {
    request.signal.throwIfAborted();
    const left = until - Date.now();
    if (i >= MOST_STREAMS || left <= 0) {
      const unseen = [`not looked at: ${changed.length} streams change, name ${one.address} alone`];
      seen.push({ ...nothing(one), unseen });
    } else seen.push(await lookAt(request, one, Math.min(left, PATIENCE_MS)));
  }
  return seen;
}

function changedStreams({ plan, desired, applied }: ForeseeRequest): Changed[] {
  const touched = new Set(plan.changes.flatMap(({ action, address }) => (isTouched(action) ? [address] : [])));
  return desired.flatMap((job) => {
    const old = applied.find(({ name }) => name === job.name || job.renamed_from.includes(name));
    return job.streams.flatMap((stream) => {
      const address = streamAddress(job.name, stream.name);
      if (!touched.has(address) || !stream.enabled) return [];
      const before = old?.streams.find(({ name }) => name === (stream.name === job.name ? old.name : stream.name));
      const same = before && canonicalJson(before as unknown as Json) === canonicalJson(stream as unknown as Json);
      return same ? [] : [{ address, job, stream }];
    });
  });
}

function isTouched(action: string): boolean {
  return action === 'create' || action === 'update';
}

function nothing({ address, stream }: Changed): Seen {
  const name = tableName(stream.destination);
  const replaces = replacesAll(stream);
  return { address, name, replaces, destination: null, rows: null, files: null, stops: null, unseen: [] };
}

async function lookAt(request: ForeseeRequest, changed: Changed, patience: number): Promise<Seen> {
  const { stream, job } = changed;
  const { trusted = request.applied } = request;
  const seen = nothing(changed);
  if (stream.tables) return { ...seen, unseen: ['which tables match, a run alone can tell'] };
  const [there, here] = (['destination', 'source'] as const).map((side) => lookRefusal(stream, side, trusted));
  if (there) return { ...seen, unseen: [`the destination was not looked at: ${there}`] };
  const window = lastWindow(stream);
  const means = { ...request, signal: AbortSignal.any([request.signal, AbortSignal.timeout(patience)]) };
  let filled: Stream = stream;
  try {
    const asked = here ? withoutSource(stream) : stream;
    filled = (await withReferences({ ...means, job: { ...job, streams: [asked] }, window }, means.signal)).streams[0]!;
    const known = await atDestinationOf(means, changed, filled);
    seen.destination = known.destination;
    if (here) Object.assign(seen, declared(filled, known), { unseen: [`the source was not looked at: ${here}`] });
    else Object.assign(seen, await fromSource(means, changed, filled, known));
  } catch (error) {
    request.signal.throwIfAborted();
    const text = means.signal.aborted ? `no answer in ${Math.ceil(patience / 1000)} s` : messageOf(error);
    seen.unseen.push(`${seen.destination ? 'source' : 'destination'} could not be looked at: ${text}`);
  }
  return redactDeep(seen, redactorOf({ streams: [filled] }));
}

/** Nothing is put in, or looked up, for a source that is not connected. */
function withoutSource(stream: Stream): Stream {
  const source: ComponentUse = { ...stream.source, settings: {} };
  const { masking_key: _, ...rest } = stream;
  return { ...rest, source, format: null };
}

interface Known {
  destination: NonNullable<Seen['destination']>;
  /** null: the next run is a full load. */
  checkpoint: Parameters<typeof foreseeStream>[0]['checkpoint'];
  ledger: Map<string, FileIdentity>;
}

async function atDestinationOf(request: ForeseeRequest, { job, stream }: Changed, filled: Stream): Promise<Known> {
  const { projectDir, stateStore, signal, onWait } = request;
  const { project, target } = job;
  // What an earlier name of the job committed is carried over by the next run.
  for (const name of [job.name, ...job.renamed_from]) {
    const key = { project, target, job: name, stream: stream.name === job.name ? name : stream.name };
    const place = { projectDir, key, use: filled.destination, stateStore, holder: 'sluice plan', signal, onWait };
    const known = await atDestination(place, (session) => knownOf(session, stream, filled));
    if (known.destination.commit || name === job.renamed_from.at(-1) || job.renamed_from.length === 0) return known;
  }
  throw new SluiceError('plan/look', 'terminal', 'The destination was asked for no name of the job');
}

/** `stream` has symbols, by which addresses are told apart; `filled` their values. */
async function knownOf(session: DestinationSession, stream: Stream, filled: Stream): Promise<Known> {
  const state = await session.inspect();
  const table = state ? state.table : ((await session.table?.()) ?? null);
  if (!state || state.seq === 0) return { destination: { table, commit: null }, checkpoint: null, ledger: new Map() };
  const changed = state.addresses ? changedAddresses(state.addresses, addressesOf(stream)) : [];
  const goesOn = changed.length === 0;
  const ledger = goesOn && filled.incremental.type === 'files' ? await session.ledger() : new Map();
  const destination = { table, commit: { seq: state.seq, changed } };
  return { destination, checkpoint: goesOn ? state.checkpoint : null, ledger };
}

/** By what the job declares alone. */
function declared(filled: Stream, { destination }: Known): Pick<Seen, 'rows' | 'stops'> {
  return stopped(() => {
    const found = declaredRows(filled, replacesAll(filled) ? null : destination.table);
    if (!found) return { rows: null, stops: null };
    return {
      rows: { columns: found.output, add: found.addColumns, alter: found.alterColumns, all: false },
      stops: null,
    };
  });
}

async function fromSource(
  request: ForeseeRequest,
  { job, stream }: Changed,
  filled: Stream,
  { destination, checkpoint, ledger }: Known,
): Promise<Pick<Seen, 'rows' | 'files' | 'stops'>> {
  const { projectDir, signal } = request;
  try {
    const { rows, files } = await foreseeStream({
      stream: filled,
      projectDir,
      spool: join(projectDir, '.sluice', 'spool', `plan-${process.pid}`),
      rows: SAMPLE_ROWS,
      window: lastWindow(stream),
      memory: job.compute.memory,
      threads: availableParallelism(),
      signal,
      log: () => undefined,
      table: destination.table,
      checkpoint,
      ledger,
    });
    const found = rows && { columns: rows.output, add: rows.addColumns, alter: rows.alterColumns, all: true };
    return { rows: found, files, stops: null };
  } catch (error) {
    return stopped(() => {
      throw error;
    });
  }
}

/** What a run would stop at is an answer; what cannot be reached now is none. */
function stopped(work: () => Pick<Seen, 'rows' | 'stops'>): Pick<Seen, 'rows' | 'stops'> & { files: null } {
  try {
    return { ...work(), files: null };
  } catch (error) {
    if (!(error instanceof SluiceError) || error.kind === 'transient' || error.kind === 'terminal') throw error;
    return { rows: null, files: null, stops: error.message };
  }
}
