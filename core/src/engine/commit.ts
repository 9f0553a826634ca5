import type { EpochCommit, Opened, Split } from '../model/component.ts';
import type { JsonObject } from '../model/json.ts';
import { ledgerFiles } from './archives.ts';
import type { StreamRun } from './ports.ts';
import type { StreamPlan } from './stream-plan.ts';

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
  const reached = { ...(byFiles ? { files: splits.length } : {}), ...(position ? { source: position } : {}) };
  return {
    commitId: commitIdOf(run),
    epoch: EPOCH,
    fence: opened.fence,
    baseSeq: opened.seq,
    checkpoint: run.replays ? (opened.checkpoint ?? {}) : reached,
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
  };
}
