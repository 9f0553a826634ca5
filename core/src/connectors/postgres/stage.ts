import type { ReadyRows, StageRequest, StageToken } from '../../model/component.ts';
import type { StreamKey } from '../../model/run.ts';
import { QUARANTINE_COLUMNS } from '../../model/run.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column, ScalarKind } from '../../model/type.ts';
import { createTable } from '../shared/ddl.ts';
import { runHash } from '../shared/names.ts';
import { DELETE_MARK, inPlace, type TableShape } from '../shared/tables.ts';
import { type PgDb, transaction, Undo } from './client.ts';
import { type CopyColumn, copyRows } from './copy.ts';
import { columnsIn, lockName, newColumns, PG, readTable } from './table.ts';

/** Tokens of tasks whose rows are staged, written in the transaction that stages them. */
export const STAGING: TableShape = {
  name: '_sluice_staging',
  columns: [
    { name: 'run', type: { kind: 'text' } },
    { name: 'epoch', type: { kind: 'bigint' } },
    { name: 'task', type: { kind: 'bigint' } },
    { name: 'rows', type: { kind: 'bigint' } },
    { name: 'aside', type: { kind: 'bigint' } },
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

export function rowsTable(place: Staging, epoch: number): string {
  return ident(place.schema, `${prefix(place)}${epoch}`);
}

export function asideTable(place: Staging, epoch: number): string {
  return ident(place.schema, `${prefix(place)}${epoch}_aside`);
}

/**
 * Copies one task's rows into the staging tables of the epoch and writes its token in the same transaction. A task that
 * has a token already is not staged again: its earlier token is the answer.
 */
export async function stageRows(
  db: PgDb,
  place: Staging,
  request: StageRequest,
  rows: ReadyRows,
  options: { table: string; deletes: boolean; inside: () => Promise<void> },
): Promise<StageToken> {
  const columns = await prepare(db, place, request, options);
  const tokens = inPlace([place.schema], STAGING.name);
  const mine = `run = ${literal(place.run)} AND epoch = ${request.epoch} AND task = ${request.task}`;
  const find = async () => {
    const found = await db.rows(`SELECT rows, aside FROM ${tokens} WHERE ${mine}`);
    return found[0] ? { rows: Number(found[0].rows), aside: Number(found[0].aside) } : null;
  };
  const earlier = await find();
  if (earlier) return earlier;
  try {
    return await transaction(db, async () => {
      const count = await copyRows(db, rows.engine, rows.sql, columns, rowsTable(place, request.epoch), false);
      const aside = await copyAside(db, rows, asideTable(place, request.epoch));
      const values = `${literal(place.run)}, ${request.epoch}, ${request.task}, ${count}, ${aside}`;
      // Another attempt of the task may have come first: its rows stand, these are undone.
      const entered = await db.changed(
        `INSERT INTO ${tokens} (run, epoch, task, rows, aside) VALUES (${values}) ON CONFLICT DO NOTHING`,
      );
      if (entered === 0) throw new Undo(null);
      await options.inside();
      return { rows: count, aside };
    });
  } catch (error) {
    const other = error instanceof Undo ? await find() : null;
    if (other) return other;
    throw error;
  }
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
  if (await readTable(db, place.schema, name)) return columns;
  await transaction(db, async () => {
    await lockName(db, place.schema, name);
    if (await readTable(db, place.schema, name)) return;
    const list = columns.map((c) => `${ident(c.name)} ${c.pgType}`).join(', ');
    const kind = request.disposition === 'replace' ? 'TABLE' : 'UNLOGGED TABLE';
    await db.run(`CREATE ${kind} ${rowsTable(place, request.epoch)} (${list})`);
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

/** Removes all staging of a run. Sessions that still write to it are ended: a task that hangs must not keep it. */
export async function clearRun(db: PgDb, place: Staging): Promise<void> {
  const start = prefix(place);
  const tables = await db.rows(
    `SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ${literal(place.schema)} AND c.relkind = 'r' AND left(c.relname, ${start.length}) = ${literal(start)}`,
  );
  if (tables.length > 0) {
    const oids = tables.map((t) => String(t.oid)).join(', ');
    await db.rows(
      `SELECT pg_terminate_backend(l.pid) FROM (SELECT DISTINCT pid FROM pg_locks WHERE relation IN (${oids}) AND pid <> pg_backend_pid()) AS l
       JOIN pg_stat_activity a ON a.pid = l.pid WHERE a.usename = current_user`,
    );
    await db.run(`DROP TABLE IF EXISTS ${tables.map((t) => ident(place.schema, String(t.relname))).join(', ')}`);
  }
  if (await readTable(db, place.schema, STAGING.name))
    await db.changed(`DELETE FROM ${inPlace([place.schema], STAGING.name)} WHERE run = ${literal(place.run)}`);
}
