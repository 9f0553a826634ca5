import { setImmediate as breathe } from 'node:timers/promises';
import type { CommitResult, EpochCommit } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { createTable, planTable, type TablePlan } from '../shared/ddl.ts';
import type { PlainValue } from '../shared/duck-rows.ts';
import type { Scratch } from '../shared/scratch.ts';
import { DELETE_MARK, SOFT_DELETE_COLUMN } from '../shared/tables.ts';
import type { SqliteDb } from './file.ts';
import { belongings, hasIndex, idents, primaryKey, readTable, SQLITE, type SqliteColumn, sameName } from './table.ts';
import { convert, instantText, NAN, render } from './types.ts';

export type Written = Omit<CommitResult, 'repeated'>;

/** Where the rows are read from: an engine and a query on it. */
export interface Input {
  engine: Scratch;
  sql: string;
}

export interface Target {
  db: SqliteDb;
  name: string;
  /** Name for a table that is only there inside of the transaction. */
  scratch: string;
  signal: AbortSignal;
  /** The table with the types that the stream gave it. */
  existing: SqliteColumn[] | null;
}

/** Rows after which the event loop gets its turn: statements of this system run in the caller's own thread. */
const BATCH = 1000;

/** Makes the table fit and puts the rows in, by the epoch's write disposition. The caller owns the transaction. */
export async function writeRows(target: Target, epoch: EpochCommit, input: Input): Promise<Written> {
  const whole = epoch.disposition === 'replace' && !epoch.window;
  const fresh = whole && target.existing !== null ? await clear(target) : false;
  const existing = fresh ? null : target.existing;
  const plan = planTable(existing, epoch, sameName);
  await makeFit(target, epoch, plan);
  if (epoch.disposition === 'merge' || epoch.deletes) return merge(target, epoch, input);
  let rows_deleted = 0;
  if (epoch.window) rows_deleted = await deleteWindow(target, epoch, epoch.window);
  const insert = target.db.handle.prepare(insertSql(target.name, epoch.columns));
  const rows = await each(target, input, epoch.columns, (row) => {
    insert.run(row);
  });
  return { rows_written: rows, rows_inserted: rows, ...(rows_deleted > 0 ? { rows_deleted } : {}) };
}

/** Empties the table, or takes it away where nothing of others hangs on it; then true. */
async function clear({ db, name }: Target): Promise<boolean> {
  const kept = await belongings(db, name);
  await db.run(kept.length > 0 ? `DELETE FROM ${ident(name)}` : `DROP TABLE ${ident(name)}`);
  return kept.length === 0;
}

async function makeFit(target: Target, epoch: EpochCommit, plan: TablePlan): Promise<void> {
  const { db, name } = target;
  const key = epoch.disposition === 'merge' || epoch.deletes ? epoch.primaryKey : [];
  if (plan.create) await db.run(createTable(ident(name), { columns: plan.create, primaryKey: key }, SQLITE));
  for (const column of plan.add)
    await db.run(`ALTER TABLE ${ident(name)} ADD COLUMN ${ident(column.name)} ${SQLITE.type(column.type)}`);
  if (plan.alter.length > 0) await rebuild(target, plan.alter);
}

/** SQLite cannot change a column's type: the table is written anew, as its documentation says to. */
async function rebuild({ db, name, scratch, existing, signal }: Target, changes: readonly Column[]): Promise<void> {
  const old = (await readTable(db, name)) ?? [];
  const columns = old.map((column) => {
    const to = changes.find((c) => sameName(c.name, column.name))?.type;
    const from = existing?.find((c) => c.name === column.name)?.type ?? column.type;
    return { name: column.name, nullable: column.nullable, from, to, type: to ? SQLITE.type(to) : column.declared };
  });
  const after = await belongings(db, name);
  const key = await primaryKey(db, name);
  const list = columns.map((c) => `${ident(c.name)} ${c.type}${c.nullable ? '' : ' NOT NULL'}`);
  if (key.length > 0) list.push(`PRIMARY KEY (${idents(key)})`);
  await db.run(`CREATE TABLE ${ident(scratch)} (${list.join(', ')})`);
  const names = columns.map((c) => c.name);
  const insert = db.handle.prepare(
    `INSERT INTO ${ident(scratch)} (${idents(names)}) VALUES (${names.map(() => '?').join(', ')})`,
  );
  const page = db.handle
    .prepare(`SELECT rowid, ${idents(names)} FROM ${ident(name)} WHERE rowid > ? ORDER BY rowid LIMIT ${BATCH}`)
    .raw();
  for (let last = -(2n ** 63n); ; ) {
    const rows = page.all(last) as unknown[][];
    for (const row of rows)
      insert.run(columns.map((c, i) => (c.to ? convert(row[i + 1], c.from, c.to) : (row[i + 1] as never))));
    if (rows.length < BATCH) break;
    last = rows.at(-1)?.[0] as bigint;
    await breathe();
    signal.throwIfAborted();
  }
  await db.run(`DROP TABLE ${ident(name)}`);
  await db.run(`ALTER TABLE ${ident(scratch)} RENAME TO ${ident(name)}`);
  for (const statement of after) await db.run(statement);
}

async function merge(target: Target, epoch: EpochCommit, input: Input): Promise<Written> {
  const { db, name, scratch } = target;
  const { columns, primaryKey: key, deletes } = epoch;
  await requireUnique(input, key);
  const index = (await hasIndex(db, name, key)) ? null : `${scratch}_key`;
  if (index) await db.run(`CREATE INDEX ${ident(index)} ON ${ident(name)} (${idents(key)})`);
  const soft = deletes === 'soft' ? ident(SOFT_DELETE_COLUMN.name) : null;
  const keyAt = key.map((k) => columns.findIndex((c) => c.name === k));
  // A column's own collation may take two keys for one: the index finds by it, and then the bytes decide.
  const texts = keyAt.filter((i) => columns[i]?.type.kind === 'text');
  const exact = texts.map((i) => `${ident(columns[i]?.name ?? '')} = ? COLLATE BINARY`);
  const where = `WHERE ${[...key.map((k) => `${ident(k)} = ?`), ...exact].join(' AND ')}`;
  const rest = columns.map((_, i) => i).filter((i) => !key.includes(columns[i]?.name ?? ''));
  const sets = [...rest.map((i) => `${ident(columns[i]?.name ?? '')} = ?`), ...(soft ? [`${soft} = 0`] : [])];
  const found = db.handle.prepare(`SELECT 1 FROM ${ident(name)} ${where} LIMIT 1`);
  const update = sets.length > 0 ? db.handle.prepare(`UPDATE ${ident(name)} SET ${sets.join(', ')} ${where}`) : null;
  const insert = db.handle.prepare(insertSql(name, columns, soft));
  const remove = db.handle.prepare(
    soft ? `UPDATE ${ident(name)} SET ${soft} = 1 ${where}` : `DELETE FROM ${ident(name)} ${where}`,
  );
  const counts = { rows_inserted: 0, rows_updated: 0, rows_deleted: 0 };
  const mark: Column[] = deletes ? [{ name: DELETE_MARK, type: { kind: 'boolean' } }] : [];
  const rows_written = await each(target, input, [...columns, ...mark], (row) => {
    const keys = [...keyAt, ...texts].map((i) => row[i] ?? null);
    if (deletes && row.pop() === 1) {
      counts.rows_deleted += remove.run(keys).changes;
      return;
    }
    const known = update ? update.run([...rest.map((i) => row[i] ?? null), ...keys]).changes > 0 : found.get(keys);
    if (known) counts.rows_updated++;
    else {
      insert.run(row);
      counts.rows_inserted++;
    }
  });
  if (index) await db.run(`DROP INDEX ${ident(index)}`);
  return { rows_written, ...counts };
}

function insertSql(table: string, columns: readonly Column[], soft: string | null = null): string {
  const names = [idents(columns.map((c) => c.name)), ...(soft ? [soft] : [])].join(', ');
  const values = [...columns.map(() => '?'), ...(soft ? ['0'] : [])].join(', ');
  return `INSERT INTO ${ident(table)} (${names}) VALUES (${values})`;
}

async function requireUnique({ engine, sql }: Input, key: readonly string[]): Promise<void> {
  const [twice] = await engine.rows(
    `SELECT 1 AS found FROM (${sql}) AS r GROUP BY ${idents(key)} HAVING count(*) > 1 LIMIT 1`,
  );
  if (!twice) return;
  throw new SluiceError(
    'destination/duplicate-key',
    'terminal',
    `Two rows to merge have the same key (${key.join(', ')}).`,
    { hint: 'Name all columns that make a row unique in `primary_key`, or add a dedupe step.' },
  );
}

async function deleteWindow(
  { db, name }: Target,
  epoch: EpochCommit,
  { column, from, to }: { column: string; from: string; to: string },
): Promise<number> {
  const type = epoch.columns.find((c) => c.name === column)?.type ?? { kind: 'timestamptz' as const };
  const at = ident(column);
  const statement = db.handle.prepare(`DELETE FROM ${ident(name)} WHERE ${at} >= ? AND ${at} < ?`);
  return statement.run(instantText(from, type), instantText(to, type)).changes;
}

/** Hands each row to `take`, its values in the order of the columns. Throws destination/bad-value for NaN. */
export async function each(
  { signal }: Pick<Target, 'signal'>,
  { engine, sql }: Input,
  columns: readonly Column[],
  take: (row: PlainValue[]) => void,
): Promise<number> {
  const select = `SELECT ${columns.map((c, i) => render(c, i)).join(', ')} FROM (${sql}) AS r`;
  let count = 0;
  try {
    for await (const rows of engine.stream(select)) {
      for (const row of rows) {
        take(row);
        if (++count % BATCH === 0) await breathe();
      }
      signal.throwIfAborted();
    }
  } catch (error) {
    const index = new RegExp(`${NAN}(\\d+)`).exec((error as Error).message)?.[1];
    const column = index === undefined ? undefined : columns[Number(index)];
    throw column ? await nan({ engine, sql }, column) : error;
  }
  return count;
}

async function nan({ engine, sql }: Input, column: Column): Promise<SluiceError> {
  const [found] = await engine.rows(
    `SELECT n FROM (SELECT row_number() OVER () AS n, isnan(${ident(column.name)}) AS bad FROM (${sql}) AS r) AS f WHERE bad ORDER BY n LIMIT 1`,
  );
  const row = Number(found?.n ?? 0);
  return new SluiceError(
    'destination/bad-value',
    'data',
    `Row ${row}, column "${column.name}": the number is NaN, which SQLite would store as NULL.`,
    {
      where: { row, column: column.name },
      hint: 'Make it null in a transform, or set such rows aside with a check.',
    },
  );
}
