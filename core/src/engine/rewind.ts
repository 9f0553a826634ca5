import type { EpochCommit, Opened } from '../model/component.ts';
import { faultPoint } from '../model/fault.ts';
import { type Checkpoint, zeroCounts } from '../model/run.ts';
import { commitIdOf, EPOCH } from './commit.ts';
import type { EpochPorts, StreamRun } from './ports.ts';
import { adopt, connectTo, outcomeOf, requireUnchanged } from './recover.ts';

/** Where a stream is set: to nothing loaded yet, or to an earlier checkpoint. */
export type Rewind =
  | { to: 'start' }
  | {
      to: 'checkpoint';
      checkpoint: Checkpoint;
      /** Commits since, whose files leave the ledger. */
      forget: string[];
    };

type Rewound = Pick<
  StreamRun,
  'key' | 'runId' | 'projectDir' | 'stream' | 'memory' | 'cores' | 'addresses' | 'renamedFrom' | 'deadRuns' | 'signal'
>;

/**
 * Sets a stream's checkpoint by a commit without rows, which is fenced and recorded like any other; the rows in the table stay.
 * Throws `state/changed` where what is stored belongs to another source, and the destination's errors.
 */
export async function rewindStream(
  run: Rewound,
  rewind: Rewind,
  note: string,
  ports: Pick<EpochPorts, 'withLock' | 'finished' | 'settled' | 'log'>,
): Promise<{ seq: number; checkpoint: Checkpoint }> {
  const { stream, runId } = run;
  const commitId = commitIdOf(run);
  const session = await connectTo(run, ports, run.signal);
  try {
    const seq = await ports.withLock(session.lock, async () => {
      const opened = await session.open(run.addresses, run.renamedFrom);
      await adopt(opened, run.deadRuns, stream.name, ports);
      for (const dead of run.deadRuns) await session.abort(dead);
      if (rewind.to === 'checkpoint') requireUnchanged(opened, stream.name);
      await faultPoint('rewind.commit.before');
      try {
        await session.commit(commitOf(run, rewind, opened, commitId), []);
      } catch (error) {
        await outcomeOf(error, run, commitId, ports);
      }
      await faultPoint('rewind.commit.after');
      return opened.seq + 1;
    });
    const checkpoint = checkpointOf(rewind);
    await ports.finished(stream.name, { seq, commitId, checkpoint, counts: zeroCounts(), note });
    await ports.settled(stream.name, [...run.deadRuns, runId]);
    return { seq, checkpoint };
  } finally {
    await session.close();
  }
}

function checkpointOf(rewind: Rewind): Checkpoint {
  return rewind.to === 'start' ? {} : rewind.checkpoint;
}

function commitOf({ addresses, stream }: Rewound, rewind: Rewind, opened: Opened, commitId: string): EpochCommit {
  return {
    commitId,
    epoch: EPOCH,
    fence: opened.fence,
    baseSeq: opened.seq,
    checkpoint: checkpointOf(rewind),
    counts: zeroCounts(),
    addresses,
    files: [],
    forgetLedger: rewind.to === 'start',
    ...(rewind.to === 'checkpoint' ? { forgetCommits: rewind.forget } : {}),
    columns: [],
    addColumns: [],
    alterColumns: [],
    disposition: 'append',
    primaryKey: stream.destination.primary_key,
    deletes: null,
  };
}
