import type { DestinationSession, Opened } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import { type Counts, zeroCounts } from '../model/run.ts';
import * as registry from '../registry.ts';
import { pick } from './components.ts';
import { settle } from './counts.ts';
import { engineFailure } from './failures.ts';
import type { EpochPorts, StreamRun } from './ports.ts';

/** What a stopped run still has to look up or remove goes by a signal of its own. */
const CLEAN_UP_MS = 8_000;

type Aborted = Pick<StreamRun, 'key' | 'stream' | 'runId' | 'projectDir' | 'memory' | 'cores'>;

/** A session for what the epoch does itself: it opens and commits while no task of the stream runs, so it may use the run's whole budget. */
export async function connectTo(
  run: Aborted,
  ports: Pick<EpochPorts, 'log'>,
  signal: AbortSignal,
): Promise<DestinationSession> {
  const { key, stream, runId, projectDir } = run;
  const destination = await pick(registry.destinations, 'destination', stream.destination.type);
  const budget = { threads: run.cores, memory: run.memory };
  return destination.connect({ key, runId, projectDir, signal, log: ports.log, use: stream.destination, budget });
}

/** Removes what a run staged for a stream, after it failed or was stopped. Throws the destination's errors. */
export async function abortStream(
  run: Aborted,
  ports: Pick<EpochPorts, 'withLock' | 'settled' | 'log'>,
): Promise<void> {
  const session = await connectTo(run, ports, AbortSignal.timeout(CLEAN_UP_MS));
  try {
    await ports.withLock(session.lock, () => session.abort(run.runId));
    await ports.settled(run.stream.name, [run.runId]);
  } finally {
    await session.close();
  }
}

/**
 * Ends a stream of a run whose executor died: what it committed gets its place in the history, what it staged is removed.
 * Throws the destination's errors.
 */
export async function cleanStream(
  run: Aborted,
  ports: Pick<EpochPorts, 'withLock' | 'settled' | 'finished' | 'log'>,
): Promise<void> {
  const session = await connectTo(run, ports, AbortSignal.timeout(CLEAN_UP_MS));
  try {
    const state = await ports.withLock(session.lock, () => session.inspect());
    if (state) await adopt(state, [run.runId], run.stream.name, ports);
  } finally {
    await session.close();
  }
  await abortStream(run, ports);
}

/**
 * How a commit ended that got no answer: opens again and looks at the commitId that is stored, which is the epoch's own where
 * it took place. The rise of the fence ends a commit that still hangs. Throws `commit/lost` where it did not take place, and
 * any other error as it is.
 */
export async function outcomeOf(
  error: unknown,
  run: Aborted & Pick<StreamRun, 'addresses' | 'renamedFrom'>,
  commitId: string,
  ports: Pick<EpochPorts, 'log'>,
): Promise<Opened> {
  if (!(error instanceof SluiceError) || error.code !== 'commit/unknown') throw error;
  const session = await connectTo(run, ports, AbortSignal.timeout(CLEAN_UP_MS));
  try {
    const opened = await session.open(run.addresses, run.renamedFrom);
    if (opened.commitId === commitId) return opened;
  } finally {
    await session.close();
  }
  // What ended the commit may be known all the same: a disk that is full.
  const cause = engineFailure(new Error(error.message.replace(/^.*?not known: /, '')), { stream: run.stream.name });
  if (cause.code === 'engine/disk-full') throw cause;
  const message = 'The commit got no answer and did not take place: nothing was committed';
  throw new SluiceError('commit/lost', 'transient', message, {
    where: { stream: run.stream.name },
    hint: 'Run again; `retries` does so by itself.',
    cause: error,
  });
}

/** A run that died between its commit and its end has no place in the history yet. */
export async function adopt(
  { commitId, seq, checkpoint, counts }: Opened,
  dead: readonly string[],
  stream: string,
  ports: Pick<EpochPorts, 'finished'>,
): Promise<void> {
  const run = dead.find((id) => commitId?.startsWith(`${id}/${stream}/`));
  if (run === undefined || commitId === null || checkpoint === null) return;
  await ports.finished(stream, { run, seq, commitId, checkpoint, counts: storedCounts(counts) });
}

/** Counts as a commit stored them: what follows from the rows written was not known before it. */
export function storedCounts(stored: Opened['counts']): Counts {
  const counts = { ...zeroCounts(), ...(stored ?? {}) };
  return settle(counts, true, counts.rows_written);
}

/** What is stored of one source says nothing of another. Throws `state/changed`. */
export function requireUnchanged({ changed, seq }: Opened, stream: string): void {
  if (changed.length === 0 || seq === 0) return;
  throw new SluiceError(
    'state/changed',
    'config',
    `The ${changed.join(' and ')} of this stream changed since: the next run loads everything, whatever is stored`,
    { where: { stream }, hint: 'Put back what was changed in the job, or run it first.' },
  );
}
