import { changedAddresses } from '../../model/address.ts';
import type { Addresses, CommitResult, EpochCommit, Opened } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { Checkpoint, Counts, FileIdentity, StreamKey } from '../../model/run.ts';
import { QUARANTINE_COLUMNS } from '../../model/run.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column, DataType } from '../../model/type.ts';
import { keyIs, keyValues, type StateDoor } from './door.ts';
import { forgetOld, markReplayed } from './quarantine.ts';
import { FILES, inPlace, type Place, QUARANTINE, STATE } from './tables.ts';

export { keyValues, type StateDoor } from './door.ts';

const STATE_COLUMNS = [
  'fence',
  'seq',
  'commit_id',
  'checkpoint',
  'counts',
  'source_address',
  'incremental_address',
  'destination_address',
  'table_columns',
].join(', ');

export interface StateRow {
  fence: number;
  seq: number;
  commitId: string | null;
  checkpoint: Checkpoint | null;
  /** Counts of the last commit: what the run knew, and what the destination found. */
  counts: Partial<Counts> | null;
  addresses: Addresses | null;
  /** Columns as this stream wrote them, with their types in the job language; null before the first commit. */
  columns: Column[] | null;
}

/** The stream's row without a lock on it; null where it never ran. */
export async function readState(door: StateDoor): Promise<StateRow | null> {
  const rows = await door.db.rows(
    `SELECT ${STATE_COLUMNS} FROM ${inPlace(door.place, STATE.name)} WHERE ${keyIs(door.key)}`,
  );
  return rows[0] ? toState(rows[0]) : null;
}

/**
 * Raises the fence of the stream's row and returns it, making the row where there is none. A row under an older name is
 * moved first, with its ledger and quarantine, unless the stream has commits of its own under the new name.
 */
export async function raiseFence(door: StateDoor, renamedFrom: readonly string[]): Promise<StateRow> {
  const { db, place, key } = door;
  const table = inPlace(place, STATE.name);
  // The update locks the row for this transaction, so that what is read after it stays.
  const own = await db.changed(`UPDATE ${table} SET fence = fence + 1 WHERE ${keyIs(key)}`);
  const row = own > 0 ? await readState(door) : null;
  if (row?.commitId != null) return row;
  for (const old of oldKeys(key, renamedFrom)) {
    const found = await db.rows(`SELECT fence FROM ${table} WHERE ${keyIs(old)} AND commit_id IS NOT NULL`);
    if (!found[0]) continue;
    await db.changed(`DELETE FROM ${table} WHERE ${keyIs(key)}`);
    const rename = `job = ${literal(key.job)}, stream = ${literal(key.stream)}`;
    const least = row?.fence ?? 0;
    const fence = `CASE WHEN fence > ${least} THEN fence ELSE ${least} END + 1`;
    await db.changed(`UPDATE ${table} SET ${rename}, fence = ${fence} WHERE ${keyIs(old)}`);
    for (const shape of [FILES, QUARANTINE])
      await db.changed(`UPDATE ${inPlace(place, shape.name)} SET ${rename} WHERE ${keyIs(old)}`);
    const moved = await readState(door);
    if (moved) return moved;
  }
  if (row) return row;
  const values = [...keyValues(key), '1', '0', 'current_timestamp'].join(', ');
  await db.changed(`INSERT INTO ${table} (project, target, job, stream, fence, seq, updated_at) VALUES (${values})`);
  return { fence: 1, seq: 0, commitId: null, checkpoint: null, counts: null, addresses: null, columns: null };
}

/** A plain job's stream has the job's name, so both change together. */
export function oldKeys(key: StreamKey, renamedFrom: readonly string[]): StreamKey[] {
  return renamedFrom.flatMap((job) => {
    const same = { ...key, job };
    return key.stream === key.job ? [{ ...same, stream: job }, same] : [same];
  });
}

/** The state as a run sees it: where an address differs from the committed one, the checkpoint is of something else and is left out. */
export function toOpened(row: StateRow, addresses: Addresses | null): Omit<Opened, 'table'> {
  const stored = row.addresses;
  const changed = stored && addresses ? changedAddresses(stored, addresses) : [];
  const checkpoint = changed.length > 0 ? null : row.checkpoint;
  const { fence, seq, commitId, counts } = row;
  return { fence, seq, commitId, checkpoint, changed, counts, addresses: stored };
}

/**
 * Tells whether an epoch may be committed, without a lock: the result of a commit that was done already, or null to go on.
 * Throws commit/fenced where another run holds a newer fence.
 */
export async function checkFence(door: StateDoor, epoch: EpochCommit): Promise<CommitResult | null> {
  return decide(await readState(door), epoch);
}

/** As checkFence, from a state that was read already. */
export function decide(row: StateRow | null, epoch: EpochCommit): CommitResult | null {
  if (row?.commitId === epoch.commitId) return { ...writtenOf(row.counts), repeated: true };
  if (row?.fence === epoch.fence && row.seq === epoch.baseSeq) return null;
  throw new SluiceError(
    'commit/fenced',
    'terminal',
    `Another run has taken over this stream in the destination (fence ${row?.fence ?? 'none'} there, ${epoch.fence} here); nothing was committed.`,
    { hint: 'Nothing is lost: the other run carries on from the last commit.' },
  );
}

function writtenOf(counts: Partial<Counts> | null): Omit<CommitResult, 'repeated'> {
  const written: Omit<CommitResult, 'repeated'> = { rows_written: counts?.rows_written ?? 0 };
  for (const name of ['rows_inserted', 'rows_updated', 'rows_deleted'] as const)
    if (counts?.[name] !== undefined) written[name] = counts[name];
  return written;
}

/**
 * Writes the epoch's state: only while fence and sequence stand as the epoch knows them. Holds the row's lock until the
 * transaction ends. Returns null when written, the earlier result where this commit was done before; throws commit/fenced.
 */
export async function writeState(
  door: StateDoor,
  epoch: EpochCommit,
  counts: Omit<CommitResult, 'repeated'>,
): Promise<CommitResult | null> {
  const { db, place, key } = door;
  const columns = mergeColumns((await readState(door))?.columns ?? [], epoch);
  const changed = await db.changed(
    `UPDATE ${inPlace(place, STATE.name)} SET seq = seq + 1, commit_id = ${literal(epoch.commitId)}, epoch = ${epoch.epoch},
      checkpoint = ${literal(JSON.stringify(epoch.checkpoint))}, counts = ${literal(JSON.stringify({ ...epoch.counts, ...counts }))},
      source_address = ${literal(epoch.addresses.source)}, incremental_address = ${literal(epoch.addresses.incremental)},
      destination_address = ${literal(epoch.addresses.destination)}, table_columns = ${literal(JSON.stringify(columns))}, updated_at = current_timestamp
    WHERE ${keyIs(key)} AND fence = ${epoch.fence} AND seq = ${epoch.baseSeq}`,
  );
  if (changed === 1) return null;
  const earlier = decide(await readState(door), epoch);
  if (earlier) return earlier;
  throw new SluiceError('commit/state', 'terminal', 'The state row of this stream could not be written.');
}

function mergeColumns(before: readonly Column[], { disposition, window, columns }: EpochCommit): Column[] {
  const anew = disposition === 'replace' && !window && columns.length > 0;
  const now = new Map((anew ? [] : before).map((c) => [c.name, c.type]));
  for (const column of columns) now.set(column.name, column.type);
  return [...now].map(([name, type]) => ({ name, type }));
}

/**
 * The table's columns with the types that this stream gave them, where the system's own types say less: a struct that became
 * JSON is a struct again. `native` is the system's name of a type; a column that someone changed since is as the table has it.
 */
export function remembered<C extends Column>(
  table: readonly C[],
  written: readonly Column[] | null,
  native: (column: C) => string,
  toNative: (type: DataType) => string,
): C[] {
  const types = new Map((written ?? []).map((c) => [c.name, c.type]));
  return table.map((column) => {
    const type = types.get(column.name);
    return type && toNative(type) === native(column) ? { ...column, type } : column;
  });
}

/** A column with nothing beside it that its system alone knows. */
export function plainColumn({ name, type, nullable, native, loose }: Column): Column {
  return {
    name,
    type,
    ...(nullable === undefined ? {} : { nullable }),
    ...(native === undefined ? {} : { native }),
    ...(loose ? { loose } : {}),
  };
}

/** What `Destination.inspect` tells of a stream whose state tables are there; null where they hold nothing of it. */
export async function inspectState(
  door: StateDoor,
  table: (row: StateRow) => Promise<Column[] | null>,
): Promise<(Opened & { files: number }) | null> {
  const row = await readState(door);
  if (!row) return null;
  return { ...toOpened(row, null), table: await table(row), files: await countLedger(door) };
}

const LEDGER_BATCH = 500;

/**
 * Enters the epoch's files in the ledger: a path that is there already gets the new size, time and tag. Marks the rows of the
 * quarantine that the epoch takes in again, and takes away those that were kept long enough.
 */
export async function writeLedger(door: StateDoor, epoch: EpochCommit): Promise<void> {
  const { db, place, key } = door;
  if (epoch.replays) await markReplayed(door, epoch.replays, epoch.commitId);
  await forgetOld(door);
  const table = inPlace(place, FILES.name);
  if (epoch.forgetLedger) await db.changed(`DELETE FROM ${table} WHERE ${keyIs(key)}`);
  const forgotten = epoch.forgetCommits ?? [];
  for (let at = 0; at < forgotten.length; at += LEDGER_BATCH) {
    const ids = forgotten
      .slice(at, at + LEDGER_BATCH)
      .map(literal)
      .join(', ');
    await db.changed(`DELETE FROM ${table} WHERE ${keyIs(key)} AND commit_id IN (${ids})`);
  }
  for (let at = 0; at < epoch.files.length; at += LEDGER_BATCH) {
    const batch = epoch.files.slice(at, at + LEDGER_BATCH);
    const paths = batch.map((file) => literal(file.path)).join(', ');
    if (!epoch.forgetLedger) await db.changed(`DELETE FROM ${table} WHERE ${keyIs(key)} AND path IN (${paths})`);
    const rows = batch.map((file) => {
      const values = [
        ...keyValues(key),
        literal(file.path),
        String(file.size),
        orNull(file.modified_at),
        orNull(file.etag),
        literal(epoch.commitId),
        'current_timestamp',
      ];
      return `(${values.join(', ')})`;
    });
    await db.changed(
      `INSERT INTO ${table} (project, target, job, stream, path, size, modified_at, etag, commit_id, committed_at) VALUES ${rows.join(', ')}`,
    );
  }
}

export async function readLedger(door: StateDoor): Promise<Map<string, FileIdentity>> {
  const rows = await door.db.rows(
    `SELECT path, size, modified_at, etag FROM ${inPlace(door.place, FILES.name)} WHERE ${keyIs(door.key)}`,
  );
  const text = (value: unknown) => (value === null ? null : String(value));
  return new Map(
    rows.map((row) => {
      const path = String(row.path);
      return [path, { path, size: Number(row.size), modified_at: text(row.modified_at), etag: text(row.etag) }];
    }),
  );
}

export async function countLedger(door: StateDoor): Promise<number> {
  const rows = await door.db.rows(
    `SELECT count(*) AS n FROM ${inPlace(door.place, FILES.name)} WHERE ${keyIs(door.key)}`,
  );
  return Number(rows[0]?.n ?? 0);
}

/** Moves rows that were set aside into the quarantine; `select` yields QUARANTINE_COLUMNS. */
export function insertQuarantine(place: Place, key: StreamKey, runId: string, select: string): string {
  const own = QUARANTINE_COLUMNS.map((name) => ident(name)).join(', ');
  const fixed = [...keyValues(key), literal(runId)].join(', ');
  return `INSERT INTO ${inPlace(place, QUARANTINE.name)} (project, target, job, stream, run_id, ${own}, quarantined_at)
    SELECT ${fixed}, ${own}, current_timestamp FROM (${select}) AS q`;
}

function orNull(text: string | null): string {
  return text === null ? 'NULL' : literal(text);
}

function toState(row: Record<string, string | number | boolean | null>): StateRow {
  const { source_address: source, incremental_address: incremental, destination_address: destination } = row;
  const committed = source != null && incremental != null && destination != null;
  return {
    fence: Number(row.fence),
    seq: Number(row.seq),
    commitId: row.commit_id == null ? null : String(row.commit_id),
    checkpoint: row.checkpoint == null ? null : (JSON.parse(String(row.checkpoint)) as Checkpoint),
    counts: row.counts == null ? null : (JSON.parse(String(row.counts)) as Partial<Counts>),
    addresses: committed
      ? { source: String(source), incremental: String(incremental), destination: String(destination) }
      : null,
    columns: row.table_columns == null ? null : (JSON.parse(String(row.table_columns)) as Column[]),
  };
}
