import { availableParallelism, hostname } from 'node:os';
import { addressesOf, type Checkpoint, type Job, SluiceError, streamAddress, zeroCounts } from '@sluice/core';
import { rewindStream } from '@sluice/core/runtime';
import { openStateStore, type Store } from '../store/store.ts';
import { portsOf } from './ports.ts';
import { redactDeep, redactorOf } from './redact.ts';
import { withReferences } from './resolve.ts';

export interface RewindRequest {
  projectDir: string;
  /** With its references still symbols. */
  job: Job;
  env: Readonly<Record<string, string | undefined>>;
  stateStore: string | null;
  /** One stream of the job; null: all. */
  stream: string | null;
  /** Number of the commit to go back to; null: to nothing loaded. */
  to: number | null;
  signal: AbortSignal;
  onWait(holder: string): void;
}

export interface Rewound {
  stream: string;
  seq: number;
  checkpoint: Checkpoint;
}

/** A look at the history before anything is done: what a restore would take back. Throws `state/unknown`. */
export interface RewindPlan {
  stream: string;
  /** The entry to go back to; null: the start. */
  target: { seq: number; checkpoint: Checkpoint; committed_at: string } | null;
  /** Commits that came after it. */
  since: { seq: number; commit_id: string; rows: number }[];
}

const LEASE_MS = 60_000;
/** More commits than this are not looked through. */
const HISTORY = 100_000;

/** What a rewind of these streams would undo, from the recorded history. Throws `state/unknown` where there is no such commit. */
export async function planRewind(
  request: Pick<RewindRequest, 'projectDir' | 'job' | 'stateStore' | 'stream' | 'to'>,
): Promise<RewindPlan[]> {
  const store = await openStateStore({ projectDir: request.projectDir, stateStore: request.stateStore });
  try {
    return await plans(store, request);
  } finally {
    await store.close();
  }
}

async function plans(
  store: Store,
  { job, stream, to }: Pick<RewindRequest, 'job' | 'stream' | 'to'>,
): Promise<RewindPlan[]> {
  const wanted = job.streams.filter(({ name }) => stream === null || stream === name);
  const found: RewindPlan[] = [];
  for (const { name } of wanted) {
    const key = { project: job.project, target: job.target, job: job.name, stream: name };
    const history = await store.checkpoints(key, HISTORY);
    const target = to === null ? null : (history.find(({ seq }) => seq === to) ?? unknown(job.name, name, to, history));
    const since = history
      .filter(({ seq }) => target === null || seq > target.seq)
      .map(({ seq, commit_id, counts }) => ({ seq, commit_id, rows: counts?.rows_written ?? 0 }));
    found.push({ stream: name, target, since });
  }
  return found;
}

function unknown(job: string, stream: string, to: number, history: readonly { seq: number }[]): never {
  const seqs = history.map(({ seq }) => seq);
  const there = seqs.length === 0 ? 'Nothing was committed yet.' : `There is ${seqs.slice(0, 20).join(', ')}.`;
  throw new SluiceError('state/unknown', 'config', `The history of ${streamAddress(job, stream)} has no commit ${to}`, {
    where: { stream },
    hint: `${there} \`sluice state show\` lists them with their times.`,
  });
}

/**
 * Sets streams of a job back, holding the job's lease, as a run of its own. Throws `run/busy` while the job runs, and
 * SluiceErrors without secrets.
 */
export async function rewind(request: RewindRequest): Promise<Rewound[]> {
  const { job, projectDir, signal } = request;
  const filled = await withReferences(request, signal);
  const redact = redactorOf(filled);
  const store = await openStateStore({ projectDir, stateStore: request.stateStore });
  const owner = `${hostname()}/${process.pid}`;
  const { project, target, name } = job;
  try {
    const claim = await store.claimJob({
      ...{ project, target, job: name, kind: 'manual', owner, leaseMs: LEASE_MS, jobHash: job.hash, definition: job },
    });
    const run = claim.run;
    await store.notices.ignore(run);
    const renew = setInterval(
      () => void store.renew({ run, owner, leaseMs: LEASE_MS }).catch(() => true),
      LEASE_MS / 4,
    );
    try {
      const done = await rewindAll(request, filled, store, claim);
      await store.finishRun({ run, owner, state: 'succeeded', counts: zeroCounts(), error: null });
      return done;
    } catch (error) {
      const known = error instanceof SluiceError ? error : new SluiceError('state/failed', 'terminal', String(error));
      const json = redactDeep(known.toJSON(), redact);
      const state = signal.aborted ? 'cancelled' : 'failed';
      await store.finishRun({ run, owner, state, counts: zeroCounts(), error: json }).catch(() => undefined);
      throw SluiceError.fromJSON({ ...json, where: { job: name, ...json.where } });
    } finally {
      clearInterval(renew);
    }
  } finally {
    await store.close();
  }
}

async function rewindAll(
  request: RewindRequest,
  filled: Job,
  store: Store,
  { run, deadRuns }: { run: string; deadRuns: string[] },
): Promise<Rewound[]> {
  const { job, projectDir, signal, to } = request;
  const done: Rewound[] = [];
  for (const plan of await plans(store, request)) {
    const index = job.streams.findIndex(({ name }) => name === plan.stream);
    const [stream, symbols] = [filled.streams[index], job.streams[index]];
    if (!stream || !symbols) continue;
    const ports = portsOf({
      job,
      runId: run,
      store,
      pool: null,
      log: () => undefined,
      signal,
      emit: (event) => {
        if (event.type === 'waiting') request.onWait(event.holder);
      },
      committing: () => undefined,
    });
    const key = { project: job.project, target: job.target, job: job.name, stream: stream.name };
    const addresses = addressesOf(symbols);
    const renamedFrom = job.renamed_from;
    const budget = { memory: job.compute.memory, cores: availableParallelism() };
    const means = { key, runId: run, projectDir, stream, ...budget, addresses, renamedFrom, deadRuns, signal };
    const change = plan.target
      ? ({
          to: 'checkpoint',
          checkpoint: plan.target.checkpoint,
          forget: plan.since.map(({ commit_id }) => commit_id),
        } as const)
      : ({ to: 'start' } as const);
    const note = to === null ? 'reset' : `restored to ${to}`;
    await store.recordIntent({ run, stream: stream.name, epoch: 1, destination: { note } });
    done.push({ stream: stream.name, ...(await rewindStream(means, change, note, ports)) });
  }
  return done;
}
