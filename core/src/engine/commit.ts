import type { EpochCommit, Opened, Split } from '../model/component.ts';
import type { JsonObject } from '../model/json.ts';
import type { Checkpoint } from '../model/run.ts';
import { ledgerFiles } from './archives.ts';
import type { StreamRun } from './ports.ts';
import type { StreamPlan } from './stream-plan.ts';
import { replacedPart, windowCheckpoint } from './window.ts';

/** A batch run has one epoch of each stream. */
export const EPOCH = 1;

/** A run's commit of a stream, by which it is known in the destination. */
export function commitIdOf({ runId, stream }: Pick<StreamRun, 'runId' | 'stream'>): string {
  return `${runId}/${stream.name}/${EPOCH}`;
}

/** What a run commits beside its rows: checkpoint, ledger, schema changes. A replay leaves checkpoint and ledger alone. */
export function commitOf(
  run: StreamRun,
  opened: Opened,
  { splits, plan, fresh, position }: { splits: Split[]; plan: StreamPlan; fresh: boolean; position: JsonObject | null },
): EpochCommit {
  const { destination, incremental } = run.stream;
  const byFiles = incremental.type === 'files';
  const before = opened.checkpoint;
  return {
    commitId: commitIdOf(run),
    epoch: EPOCH,
    fence: opened.fence,
    baseSeq: opened.seq,
    checkpoint: run.replays ? (before ?? {}) : checkpointOf(run, before, splits.length, position),
    addresses: run.addresses,
    files: byFiles ? ledgerFiles(splits) : [],
    forgetLedger: fresh,
    ...(run.replays ? { replays: run.replays } : {}),
    columns: [],
    addColumns: plan.addColumns,
    alterColumns: plan.alterColumns,
    disposition: run.fullRefresh ? 'replace' : destination.write_disposition,
    primaryKey: destination.primary_key,
    deletes: destination.deletes?.mode ?? null,
    ...replacedPart(run.stream, plan, run.window ?? null),
  };
}

/** A cursor's own place is added by the task that sees the rows; a backfill moves nothing. */
function checkpointOf(
  { stream, window, backfill }: StreamRun,
  before: Checkpoint | null,
  files: number,
  position: JsonObject | null,
): Checkpoint {
  const { type } = stream.incremental;
  const source = position ? { source: position } : {};
  // Windows that are loaded again are no beginning.
  if (type === 'window' && window)
    return { ...windowCheckpoint(before, window, !backfill && !window.again), ...source };
  if (type === 'cursor' && window) return before ?? {};
  return { ...(type === 'files' ? { files } : {}), ...source };
}
