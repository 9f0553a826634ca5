/**
 * Where a row that was set aside goes on when it is replayed: as the source gave it, before `columns` and the transforms, or
 * as the transforms left it, before the checks.
 */
export type ReplayEntry = 'source' | 'steps';

/** Codes of rows that broke off at a type, and of those that were no row at all, which cannot be replayed. */
export const TYPE_CODES = 'type/';
export const FORMAT_CODES = 'format/';

/** Where rows of a code go on; null: nowhere, because they never were columns. */
export function entryOf(code: string): ReplayEntry | null {
  if (code.startsWith(FORMAT_CODES)) return null;
  return code.startsWith(TYPE_CODES) ? 'source' : 'steps';
}

export interface QuarantineFilter {
  /** Those alone that were not replayed yet. */
  open?: boolean;
  /** Ids of the runs that set them aside. */
  runs?: readonly string[];
  code?: string;
  /** Those alone whose text was kept and that can go on here. */
  entry?: ReplayEntry;
}

export interface QuarantinedRow {
  run_id: string;
  code: string;
  reason: string;
  path: string | null;
  row_number: number | null;
  byte_offset: number | null;
  /** As JSON, or as it was read where it is no columns; null: it was not kept, because a column is masked. */
  row: string | null;
  quarantined_at: string;
  /** Commit that took it in again, or set it aside anew. */
  replayed_by: string | null;
}

/** Rows that were set aside for one reason. */
export interface QuarantineGroup {
  code: string;
  reason: string;
  rows: number;
  /** Of them, those that were replayed. */
  replayed: number;
  /** Of those that were not, the ones whose text was not kept. */
  withheld: number;
  first_at: string;
  last_at: string;
}

/** What a commit takes in again: it marks these rows in its own transaction, and has to find as many as were read. */
export interface Replays {
  entry: ReplayEntry;
  runs: string[];
  rows: number;
}
