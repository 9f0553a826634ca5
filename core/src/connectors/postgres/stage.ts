import type { ReadyRows, StageRequest, StageToken } from '../../model/component.ts';
import type { StreamKey } from '../../model/run.ts';
import { QUARANTINE_COLUMNS } from '../../model/run.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column, ScalarKind } from '../../model/type.ts';
import { createTable } from '../shared/ddl.ts';
import { runHash } from '../shared/names.ts';
import { stagingLost } from '../shared/staged.ts';
import { DELETE_MARK, inPlace, type TableShape } from '../shared/tables.ts';
import { type PgDb, transaction } from './client.ts';
import { type CopyColumn, copyRows } from './copy.ts';
import { columnsIn, lockName, newColumns, PG, readTable } from './table.ts';

/**
 * Tokens of tasks whose rows are staged, written in the transaction that stages them. `xid` is that transaction: the rows
 * of one task are those with it as xmin, so that they can be taken out again without a column of their own.
 */
export const STAGING: TableShape = {
  name: '_sluice_staging',
  columns: [
    { name: 'run', type: { kind: 'text' } },
    { name: 'epoch', type: { kind: 'bigint' } },
    { name: 'task', type: { kind: 'bigint' } },
    { name: 'rows', type: { kind: 'bigint' } },
    { name: 'xid', type: { kind: 'text' } },
  ],
  primaryKey: ['run', 'epoch', 'task'],
};

/** The staging of one run of one stream: all names follow from the run, so that anyone can find and remove it. */
export interface Staging {
  schema: string;
  run: string;
}

export function staging(schema: string, key: StreamKey, runId: string): Staging {
  return { schema, run: runHash(key, runId) };
}

const ASIDE: Column[] = QUARANTINE_COLUMNS.map((name) => {
  const kind: ScalarKind = name === 'row_number' || name === 'byte_offset' ? 'bigint' : 'text';
  return { name, type: { kind } };
});

function prefix(place: Staging): string {
  return `_sluice_stage_${place.run}_`;
}

/** Names of the tables of an epoch's rows and of those set aside. */
export function stagingNames(place: Staging, epoch: number): { rows: string; aside: string } {
  return { rows: `${prefix(place)}${epoch}`, aside: `${prefix(place)}${epoch}_aside` };
}

export function rowsTable(place: Staging, epoch: number): string {
  return ident(place.schema, stagingNames(place, epoch).rows);
}

export function asideTable(place: Staging, epoch: number): string {
  return ident(place.schema, stagingNames(place, epoch).aside);
}

/**
 * Copies one task's rows into the staging tables of the epoch and writes its token in the same transaction. What the task
 * staged before is replaced.
 */
export async function stageRows(
  db: PgDb,
  place: Staging,
  request: StageRequest,
  rows: ReadyRows,
  options: { table: string; deletes: boolean; inside: () => Promise<void> },
): Promise<StageToken> {
  const columns = await prepare(db, place, request, options);
  const { epoch, task } = request;
  return transaction(db, async () => {
    const tokens = inPlace([place.schema], STAGING.name);
    const earlier = await db.rows(
      `DELETE FROM ${tokens} WHERE run = ${literal(place.run)} AND epoch = ${epoch} AND task = ${task} RETURNING xid`,
    );
    for (const row of earlier) await removeRows(db, place, epoch, String(row.xid));
    const count = await copyRows(db, rows.engine, rows.sql, columns, rowsTable(place, epoch), false);
    await copyAside(db, rows, asideTable(place, epoch));
    const [own] = await db.rows('SELECT pg_current_xact_id()::xid AS xid');
    const xid = String(own?.xid);
    // Where another attempt of the task got in between, the key forbids this one: both would be counted else.
    await db.changed(
      `INSERT INTO ${tokens} (run, epoch, task, rows, xid) VALUES (${literal(place.run)}, ${epoch}, ${task}, ${count}, ${literal(xid)})`,
    );
    await options.inside();
    return { rows: count, task, xid };
  });
}

async function removeRows(db: PgDb, place: Staging, epoch: number, xid: string): Promise<void> {
  for (const table of [rowsTable(place, epoch), asideTable(place, epoch)])
    await db.changed(`DELETE FROM ${table} WHERE xmin = ${literal(xid)}::xid`);
}

/**
 * Leaves in staging what the tokens stand for: rows of a task whose token was lost or was replaced are removed. Throws
 * commit/staging-lost where a token has no rows here any more. The caller owns the transaction.
 */
export async function keepTokens(
  db: PgDb,
  place: Staging,
  epoch: number,
  tokens: readonly StageToken[],
): Promise<void> {
  const found = await db.rows(
    `SELECT task, xid FROM ${inPlace([place.schema], STAGING.name)} WHERE run = ${literal(place.run)} AND epoch = ${epoch} FOR UPDATE`,
  );
  const wanted = new Set(tokens.map((token) => String(token.xid)));
  for (const row of found) if (!wanted.delete(String(row.xid))) await removeRows(db, place, epoch, String(row.xid));
  if (wanted.size > 0) throw stagingLost(`The staged rows of ${wanted.size} tasks are gone`);
}

/** Copies rows that were set aside; U+0000, which the database cannot hold, is written as the six characters \u0000. */
export async function copyAside(
  db: PgDb,
  rows: ReadyRows,
  table: string,
  more: { select: string; columns: Column[] } = { select: '', columns: [] },
): Promise<number> {
  if (!rows.quarantine) return 0;
  const list = ASIDE.map((c) =>
    c.type.kind === 'text' ? `replace(${ident(c.name)}, chr(0), '\\u0000') AS ${ident(c.name)}` : ident(c.name),
  );
  const sql = `SELECT ${list.join(', ')}${more.select} FROM (${rows.quarantine}) AS q`;
  return copyRows(db, rows.engine, sql, newColumns([...ASIDE, ...more.columns]), table, false);
}

/**
 * Makes the epoch's staging tables where no other task has. Rows of an append or merge are copied once more at the commit,
 * so their table is not logged; a crash of the server empties it, and the commit, which counts the rows, then refuses.
 */
async function prepare(
  db: PgDb,
  place: Staging,
  request: StageRequest,
  options: { table: string; deletes: boolean },
): Promise<CopyColumn[]> {
  const existing = request.disposition === 'replace' ? null : await readTable(db, place.schema, options.table);
  const mark: Column[] = options.deletes ? [{ name: DELETE_MARK, type: { kind: 'boolean' } }] : [];
  const own = (existing?.columns ?? []).filter((c) =>
    request.columns.some((r) => r.name === c.name && PG.type(r.type) === PG.type(c.type)),
  );
  const columns = [...columnsIn(request.columns, own), ...newColumns(mark)];
  const name = `${prefix(place)}${request.epoch}`;
  const list = (of: readonly CopyColumn[]) => of.map((c) => `${ident(c.name)} ${c.pgType}`).join(', ');
  const fits = async () => {
    const table = await readTable(db, place.schema, name);
    return table === null ? null : list(table.columns) === list(columns);
  };
  if (await fits()) return columns;
  await transaction(db, async () => {
    await lockName(db, place.schema, name);
    const there = await fits();
    if (there) return;
    // An earlier attempt staged other columns: nothing of it can be committed with these.
    if (there === false) await clearEpoch(db, place, request.epoch);
    const kind = request.disposition === 'replace' ? 'TABLE' : 'UNLOGGED TABLE';
    await db.run(`CREATE ${kind} ${rowsTable(place, request.epoch)} (${list(columns)})`);
    await db.run(createTable(asideTable(place, request.epoch), { columns: ASIDE, primaryKey: [] }, PG));
  });
  return columns;
}

/** Removes the epoch's staging; the caller owns the transaction. The table of the rows may have another name by now. */
export async function clearEpoch(db: PgDb, place: Staging, epoch: number): Promise<void> {
  await db.run(`DROP TABLE IF EXISTS ${rowsTable(place, epoch)}, ${asideTable(place, epoch)}`);
  await db.changed(
    `DELETE FROM ${inPlace([place.schema], STAGING.name)} WHERE run = ${literal(place.run)} AND epoch = ${epoch}`,
  );
}

/** Ends other sessions that write to an epoch's staging: a task that hangs must not keep its tables locked. */
export async function endWriters(db: PgDb, place: Staging, tables: readonly string[]): Promise<void> {
  const names = tables.map(literal).join(', ');
  await db.rows(
    `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a WHERE a.pid <> pg_backend_pid() AND a.usename = current_user
     AND a.pid IN (SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND n.nspname = ${literal(place.schema)} AND c.relname IN (${names}))`,
  );
}

/** Removes all staging of a run. */
export async function clearRun(db: PgDb, place: Staging): Promise<void> {
  const start = prefix(place);
  const found = await db.rows(
    `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ${literal(place.schema)} AND c.relkind = 'r' AND left(c.relname, ${start.length}) = ${literal(start)}`,
  );
  const tables = found.map((row) => String(row.relname));
  if (tables.length > 0) {
    await endWriters(db, place, tables);
    await db.run(`DROP TABLE IF EXISTS ${tables.map((name) => ident(place.schema, name)).join(', ')}`);
  }
  if (await readTable(db, place.schema, STAGING.name))
    await db.changed(`DELETE FROM ${inPlace([place.schema], STAGING.name)} WHERE run = ${literal(place.run)}`);
}
