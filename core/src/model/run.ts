import type { JsonObject } from './json.ts';

/** Rows of one stream and epoch. I1: read + added = written + rejected + filtered. */
export interface Counts {
  rows_read: number;
  rows_added: number;
  rows_written: number;
  rows_rejected: number;
  rows_filtered: number;
  rows_quarantined: number;
  bytes_read: number;
  rows_inserted?: number;
  rows_updated?: number;
  rows_deleted?: number;
}

export function zeroCounts(): Counts {
  return {
    rows_read: 0,
    rows_added: 0,
    rows_written: 0,
    rows_rejected: 0,
    rows_filtered: 0,
    rows_quarantined: 0,
    bytes_read: 0,
  };
}

export function addCounts(a: Counts, b: Counts): Counts {
  const sum = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const name = key as keyof Counts;
    sum[name] = (sum[name] ?? 0) + (value as number);
  }
  return sum;
}

/** What a checkpoint and every row of the destination's own tables belong to. */
export interface StreamKey {
  project: string;
  target: string;
  job: string;
  stream: string;
}

/**
 * What makes the next run start where the last ended: opaque JSON to all but the engine and the source; at most 64 KB.
 * The ledger of files is a table in the destination, not part of it.
 */
export type Checkpoint = JsonObject;

/** One file as the source saw it, with what tells a changed file from the same one. */
export interface FileIdentity {
  path: string;
  size: number;
  /** ISO 8601 with the source's own precision; null where it has none. */
  modified_at: string | null;
  etag: string | null;
}

/** A row set aside, as it is written to `_sluice_quarantine`. */
export const QUARANTINE_COLUMNS = ['code', 'reason', 'path', 'row_number', 'byte_offset', 'row'] as const;

/**
 * The stretch of data that a run is about, from <= value < to: a window of a windowed stream (ISO 8601 instants), or in a
 * backfill values of a stream's cursor, as they are written.
 */
export interface RunWindow {
  from: string;
  to: string;
  /** It is loaded although it is finished. */
  again: boolean;
}
