import { SluiceError } from '../../model/error.ts';
import {
  FORMAT_CODES,
  keptFrom,
  LOST_CODES,
  type QuarantinedRow,
  type QuarantineFilter,
  type QuarantineGroup,
  type ReplayEntry,
  type Replays,
  TYPE_CODES,
  WHOLE_TEXT,
} from '../../model/quarantine.ts';
import { ident, literal } from '../../model/sql.ts';
import { keyIs, type StateDoor } from './door.ts';
import { type Db, inPlace, QUARANTINE } from './tables.ts';

/** A door through which nothing is written. */
export type ReadDoor = Omit<StateDoor, 'db'> & { db: Pick<Db, 'rows'> };

const ROW = ident('row');
const NUMBER = ident('row_number');

/** Rows of a stream that were set aside, by what for; those most common first. */
export async function quarantineGroups({ db, place, key }: ReadDoor): Promise<QuarantineGroup[]> {
  const replayed = 'sum(CASE WHEN replayed_by IS NULL THEN 0 ELSE 1 END)';
  const withheld = `sum(CASE WHEN replayed_by IS NULL AND ${ROW} IS NULL THEN 1 ELSE 0 END)`;
  const rows = await db.rows(
    `SELECT code, reason, count(*) AS n, ${replayed} AS replayed, ${withheld} AS withheld,
       min(quarantined_at) AS first_at, max(quarantined_at) AS last_at
     FROM ${inPlace(place, QUARANTINE.name)} WHERE ${keyIs(key)} GROUP BY code, reason ORDER BY n DESC, code, reason`,
  );
  return rows.map((row) => ({
    code: String(row.code),
    reason: String(row.reason),
    rows: Number(row.n),
    replayed: Number(row.replayed),
    withheld: Number(row.withheld),
    first_at: instant(row.first_at),
    last_at: instant(row.last_at),
  }));
}

/** Some rows of a stream that were set aside, in an order that does not change while no other run commits. */
export async function quarantinedRows(
  { db, place, key }: ReadDoor,
  filter: QuarantineFilter,
  page: { limit: number; offset: number },
): Promise<QuarantinedRow[]> {
  const order = ['quarantined_at', 'run_id', 'path', NUMBER, 'code', 'reason', ROW].join(', ');
  const rows = await db.rows(
    `SELECT run_id, code, reason, path, ${NUMBER}, byte_offset, ${ROW}, quarantined_at, replayed_by
     FROM ${inPlace(place, QUARANTINE.name)} WHERE ${keyIs(key)}${conditions(filter)}
     ORDER BY ${order} LIMIT ${page.limit} OFFSET ${page.offset}`,
  );
  const text = (value: unknown) => (value === null || value === undefined ? null : String(value));
  const number = (value: unknown) => (value === null || value === undefined ? null : Number(value));
  return rows.map((row) => ({
    run_id: String(row.run_id),
    code: String(row.code),
    reason: String(row.reason),
    path: text(row.path),
    row_number: number(row.row_number),
    byte_offset: number(row.byte_offset),
    row: text(row.row),
    quarantined_at: instant(row.quarantined_at),
    replayed_by: text(row.replayed_by),
  }));
}

/**
 * Marks the rows that an epoch takes in again, in the epoch's transaction. Throws `commit/replay` where they are not the rows
 * that were read: then another commit came between.
 */
export async function markReplayed({ db, place, key }: StateDoor, replays: Replays, commitId: string): Promise<void> {
  const { entry, runs, rows } = replays;
  const marked = await db.changed(
    `UPDATE ${inPlace(place, QUARANTINE.name)} SET replayed_by = ${literal(commitId)}
     WHERE ${keyIs(key)}${conditions({ open: true, entry, runs })}`,
  );
  if (marked !== rows) throw notThose(marked, rows);
}

/** As `markReplayed`, where the mark is part of what is committed: throws where these are not the rows that were read. */
export async function requireOpen({ db, place, key }: ReadDoor, { entry, runs, rows }: Replays): Promise<void> {
  const [found] = await db.rows(
    `SELECT count(*) AS n FROM ${inPlace(place, QUARANTINE.name)} WHERE ${keyIs(key)}${conditions({ open: true, entry, runs })}`,
  );
  if (Number(found?.n) !== rows) throw notThose(Number(found?.n), rows);
}

function notThose(found: number, rows: number): SluiceError {
  return new SluiceError(
    'commit/replay',
    'transient',
    `The quarantine holds ${found} rows to replay where ${rows} were read; nothing was committed`,
    { hint: 'Replay them again.' },
  );
}

/** Takes away the rows of a stream that were kept long enough, in an epoch's transaction. */
export async function forgetOld({ db, place, key }: StateDoor): Promise<void> {
  const day = keptFrom(Date.now()).toISOString().slice(0, 10);
  await db.changed(
    `DELETE FROM ${inPlace(place, QUARANTINE.name)} WHERE ${keyIs(key)} AND quarantined_at < ${literal(day)}`,
  );
}

function conditions({ open, runs, code, entry }: QuarantineFilter): string {
  const all: string[] = [];
  if (open) all.push('replayed_by IS NULL');
  if (runs) all.push(runs.length > 0 ? `run_id IN (${runs.map(literal).join(', ')})` : '1 = 0');
  if (code !== undefined) all.push(`code = ${literal(code)}`);
  if (entry) {
    all.push(goesOn(entry));
  }
  return all.map((condition) => ` AND ${condition}`).join('');
}

/** SQL that is true for a row whose text was kept and that can go on there. */
export function goesOn(entry: ReplayEntry): string {
  const type = `code LIKE ${literal(`${TYPE_CODES}%`)}`;
  const format = `code LIKE ${literal(`${FORMAT_CODES}%`)}`;
  const lost = `code IN (${LOST_CODES.map(literal).join(', ')})`;
  const by: Record<ReplayEntry, string> = {
    format: `${format} AND NOT ${lost} AND length(${ROW}) < ${WHOLE_TEXT}`,
    source: type,
    steps: `NOT ${type} AND NOT ${format}`,
  };
  return `${ROW} IS NOT NULL AND ${by[entry]}`;
}

/** Times arrive as the system writes them. */
function instant(value: unknown): string {
  const text = String(value).replace(' ', 'T');
  const time = Date.parse(
    /[Z+]|-\d\d(:?\d\d)?$/.test(text.slice(10)) ? text.replace(/([+-]\d\d)$/, '$1:00') : `${text}Z`,
  );
  return Number.isNaN(time) ? String(value) : new Date(time).toISOString();
}
