import { type Action, type Add, fileKey, type Snapshot } from '../../delta/actions.ts';
import type { CommitResult, EpochCommit } from '../../model/component.ts';
import { VERSION } from '../../model/version.ts';
import type { Shape } from './shape.ts';

/** What a commit does to a table, worked out against one of its versions. */
export interface Change {
  shape: Shape;
  /** Files that the tasks staged. */
  adds: Add[];
  gone: Add[];
  /** Files that hold rows of files that go. */
  rewritten: Add[];
  counts: Omit<CommitResult, 'repeated'>;
}

/** The lines of the log's next file; `marks` are those that make the stream's state count. */
export function commitActions(
  epoch: EpochCommit,
  change: Change,
  table: Snapshot | null,
  marks: readonly Action[],
): Action[] {
  const { shape, adds, gone, rewritten, counts } = change;
  const now = Date.now();
  const merges = epoch.disposition === 'merge';
  const mode = epoch.disposition === 'replace' ? 'Overwrite' : 'Append';
  const commitInfo = {
    timestamp: now,
    operation: merges ? 'MERGE' : 'WRITE',
    operationParameters: merges ? {} : { mode, partitionBy: JSON.stringify(shape.partitionBy) },
    ...(table ? { readVersion: table.version } : {}),
    isBlindAppend: gone.length === 0 && !merges,
    engineInfo: `sluice/${VERSION}`,
    operationMetrics: {
      numOutputRows: String(counts.rows_written),
      numFiles: String(adds.length + rewritten.length),
    },
    userMetadata: epoch.commitId,
  };
  const actions: Action[] = [{ commitInfo }];
  if (shape.protocol) actions.push({ protocol: shape.protocol });
  if (shape.metadata) actions.push({ metaData: shape.metadata });
  actions.push(...marks);
  for (const file of new Map(gone.map((add) => [fileKey(add), add])).values()) actions.push(removal(file, now));
  for (const add of [...rewritten, ...adds]) actions.push({ add });
  return actions;
}

function removal({ path, partitionValues, size, deletionVector }: Add, now: number): Action {
  return {
    remove: {
      path,
      deletionTimestamp: now,
      dataChange: true,
      extendedFileMetadata: true,
      partitionValues,
      size,
      ...(deletionVector ? { deletionVector } : {}),
    },
  };
}
