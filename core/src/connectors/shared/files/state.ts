import type { CommitResult, EpochCommit } from '../../../model/component.ts';
import type { ReplayEntry } from '../../../model/quarantine.ts';
import type { StreamKey } from '../../../model/run.ts';
import type { Column } from '../../../model/type.ts';
import type { StateRow } from '../state.ts';

/** What a destination of files knows of a stream between two commits; its fence is kept beside it. */
export interface FileState extends Omit<StateRow, 'fence' | 'columns'> {
  key: StreamKey;
  /** Columns over all commits that are still there; null before the first. */
  table: Column[] | null;
  /** Format of the files. */
  format: string | null;
  /** Segments of the ledger, oldest first. */
  ledger: string[];
  /** Rows set aside that commits took in again; left out: none. None is ever dropped: its rows would come a second time. */
  replayed?: Replayed[];
}

/** All rows of a run that go on at one place. */
export interface Replayed {
  entry: ReplayEntry;
  run: string;
  commit: string;
}

export const NO_COMMIT: Omit<FileState, 'key'> = {
  seq: 0,
  commitId: null,
  checkpoint: null,
  counts: null,
  addresses: null,
  table: null,
  format: null,
  ledger: [],
};

function replayedAfter({ replayed = [] }: FileState, { replays, commitId: commit }: EpochCommit): Replayed[] {
  if (!replays) return replayed;
  const { entry, runs } = replays;
  return [...replayed, ...runs.map((run) => ({ entry, run, commit }))];
}

/** The state that an epoch's commit leaves. `whole`: its rows take the place of all others. */
export function stateAfter(
  before: FileState,
  epoch: EpochCommit,
  next: { counts: Omit<CommitResult, 'repeated'>; format: string; ledger: string[]; whole: boolean },
): FileState {
  const { columns } = epoch;
  const known = next.whole ? [] : (before.table ?? []);
  const added = columns.filter((c) => !known.some((k) => k.name === c.name));
  const changed = (column: Column) => columns.find((c) => c.name === column.name) ?? column;
  return {
    ...before,
    seq: epoch.baseSeq + 1,
    commitId: epoch.commitId,
    checkpoint: epoch.checkpoint,
    counts: { ...epoch.counts, ...next.counts },
    addresses: epoch.addresses,
    table: [...known.map(changed), ...added],
    format: columns.length > 0 ? next.format : before.format,
    ledger: next.ledger,
    replayed: replayedAfter(before, epoch),
  };
}
