/**
 * Where a row that was set aside goes on when it is replayed: as text, which the format parses; as the source gave it, before
 * `columns` and the transforms; or as the transforms left it, before the checks.
 */
export type ReplayEntry = 'format' | 'source' | 'steps';

/** Codes of rows that broke off at a type, and of those that never were columns. */
export const TYPE_CODES = 'type/';
export const FORMAT_CODES = 'format/';
/** Rows whose bytes are no text that could be kept whole, and those that no setting makes a row. */
export const LOST_CODES: readonly string[] = ['format/encoding', 'format/line-length', 'format/json'];
/** Characters up to which the text of a row that never was columns is sure to be kept whole. */
export const WHOLE_TEXT = 65_000;

/** Rows set aside are kept for so long; they go with the first commit of their stream after that. */
const KEPT_DAYS = 30;
const DAY_MS = 86_400_000;

/** Rows set aside before the beginning of this day (UTC) go: a day late, so that the zone of a system's clock cannot be early. */
export function keptFrom(now: number): Date {
  return new Date(Math.floor(now / DAY_MS - KEPT_DAYS - 1) * DAY_MS);
}

/** Where rows of a code go on; null: nowhere. */
export function entryOf(code: string): ReplayEntry | null {
  if (code.startsWith(FORMAT_CODES)) return LOST_CODES.includes(code) ? null : 'format';
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
