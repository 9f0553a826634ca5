import type { CommitResult, EpochCommit } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { planTable } from '../shared/ddl.ts';
import { DELETE_MARK, SOFT_DELETE_COLUMN } from '../shared/tables.ts';
import type { MyDb } from './connection.ts';
import { columnsSql, createSql, idents, indexColumns, type MyColumn, sameName } from './table.ts';
import { columnType, holds, instantText } from './types.ts';

export type Written = Omit<CommitResult, 'repeated'>;

/** Rows to write: tables that hold them, or a way to insert them into one. Names are quoted. */
export type Input = { staged: string[] } | { insert: (table: string, columns: readonly Column[]) => Promise<number> };

export interface Target {
  db: MyDb;
  name: string;
  /** Name for a temporary table of the session. */
  scratch: string;
  collation: string;
  /** The table with the types that the stream gave it. */
  existing: MyColumn[] | null;
}

/** Changes of the table, before the transaction and repeatable: it is made, columns are added or widened. */
export async function makeFit({ db, name, collation, existing }: Target, epoch: EpochCommit): Promise<void> {
  const plan = planTable(existing, existing ? { ...epoch, ...changes(existing, epoch) } : epoch, sameName);
  const key = epoch.disposition === 'merge' || epoch.deletes ? epoch.primaryKey : [];
  if (plan.create) {
    await db.run(createSql(name, plan.create, key, collation));
    return;
  }
  const steps = plan.add.map((c) => `ADD COLUMN ${ident(c.name)} ${columnType(c.type, collation)} NULL`);
  for (const column of plan.alter) {
    const own = existing?.find((c) => sameName(c.name, column.name));
    if (own && holds(own.type, column.type) && own.myType !== 'longtext') continue;
    const nullable = own?.nullable === false ? ' NOT NULL' : ' NULL';
    steps.push(`MODIFY COLUMN ${ident(column.name)} ${columnType(column.type, collation)}${nullable}`);
  }
  if (steps.length > 0) await db.run(`ALTER TABLE ${ident(name)} ${steps.join(', ')}`);
}

/** A replace keeps the table: its columns have to take the new rows as well, and are widened where that loses nothing. */
function changes(existing: readonly MyColumn[], epoch: EpochCommit): Pick<EpochCommit, 'addColumns' | 'alterColumns'> {
  const { addColumns, alterColumns } = epoch;
  if (epoch.disposition !== 'replace') return { addColumns, alterColumns };
  const add: Column[] = [];
  const alter: Column[] = [];
  for (const column of epoch.columns) {
    const own = existing.find((c) => sameName(c.name, column.name));
    if (!own) add.push(column);
    else if (!holds(own.type, column.type)) {
      if (!holds(column.type, own.type)) throw cannotChange(own, column);
      alter.push(column);
    }
  }
  return { addColumns: add, alterColumns: alter };
}

function cannotChange(own: MyColumn, column: Column): SluiceError {
  return new SluiceError(
    'destination/column-type',
    'config',
    `The column "${own.name}" is ${own.myType} and cannot become ${column.type.kind} while its rows are there.`,
    { hint: 'Give the destination another `table`, or drop this one.', where: { column: own.name } },
  );
}

/** Puts the rows in, by the epoch's write disposition. The caller owns the transaction, and the table fits. */
export async function writeRows(target: Target, epoch: EpochCommit, input: Input): Promise<Written> {
  if (epoch.disposition === 'merge' || epoch.deletes) return new Merge(target, epoch).run(input);
  const { db, name } = target;
  const table = ident(name);
  let rows_deleted = 0;
  if (epoch.window) rows_deleted = await db.changed(`DELETE FROM ${table} WHERE ${windowSql(epoch, epoch.window)}`);
  else if (epoch.disposition === 'replace') await db.changed(`DELETE FROM ${table}`);
  const rows =
    'insert' in input ? await input.insert(table, epoch.columns) : await copyAll(db, table, epoch.columns, input);
  return { rows_written: rows, rows_inserted: rows, ...(rows_deleted > 0 ? { rows_deleted } : {}) };
}

async function copyAll(
  db: MyDb,
  table: string,
  columns: readonly Column[],
  { staged }: { staged: readonly string[] },
): Promise<number> {
  const names = columnsSql(columns);
  let rows = 0;
  for (const from of staged) rows += await db.changed(`INSERT INTO ${table} (${names}) SELECT ${names} FROM ${from}`);
  return rows;
}

function windowSql(epoch: EpochCommit, { column, from, to }: { column: string; from: string; to: string }): string {
  const type = epoch.columns.find((c) => c.name === column)?.type ?? { kind: 'timestamptz' as const };
  const at = ident(column);
  return `${at} >= ${literal(instantText(from, type))} AND ${at} < ${literal(instantText(to, type))}`;
}

class Merge {
  readonly #target: Target;
  readonly #epoch: EpochCommit;
  readonly #table: string;
  readonly #staged: string;
  readonly #on: string;
  readonly #kept: string;

  constructor(target: Target, epoch: EpochCommit) {
    this.#target = target;
    this.#epoch = epoch;
    this.#table = ident(target.name);
    this.#staged = ident(target.scratch);
    this.#on = epoch.primaryKey.map((k) => `t.${ident(k)} = s.${ident(k)}`).join(' AND ');
    this.#kept = epoch.deletes ? `NOT s.${ident(DELETE_MARK)}` : 'true';
  }

  async run(input: Input): Promise<Written> {
    const { db } = this.#target;
    const { deletes, disposition } = this.#epoch;
    const rows_written = await this.#bring(input);
    if (disposition === 'replace') await db.changed(`DELETE FROM ${this.#table}`);
    const joined = `${this.#table} AS t JOIN ${this.#staged} AS s ON ${this.#on}`;
    const soft = deletes === 'soft' ? ident(SOFT_DELETE_COLUMN.name) : null;
    let rows_deleted = 0;
    if (soft) rows_deleted = await db.changed(`UPDATE ${joined} SET t.${soft} = 1 WHERE s.${ident(DELETE_MARK)}`);
    else if (deletes) rows_deleted = await db.changed(`DELETE t FROM ${joined} WHERE s.${ident(DELETE_MARK)}`);
    const [row] = await db.rows(`SELECT count(*) AS n FROM ${this.#staged} AS s WHERE ${this.#kept}`);
    await this.#update(joined, soft);
    const rows_inserted = await this.#insert(soft);
    await db.run(`DROP TEMPORARY TABLE ${this.#staged}`);
    return { rows_written, rows_inserted, rows_updated: Number(row?.n ?? 0) - rows_inserted, rows_deleted };
  }

  async #update(joined: string, soft: string | null): Promise<void> {
    const { columns, primaryKey } = this.#epoch;
    const sets = columns
      .filter((c) => !primaryKey.includes(c.name))
      .map((c) => `t.${ident(c.name)} = s.${ident(c.name)}`);
    if (soft) sets.push(`t.${soft} = 0`);
    if (sets.length > 0) await this.#target.db.changed(`UPDATE ${joined} SET ${sets.join(', ')} WHERE ${this.#kept}`);
  }

  #insert(soft: string | null): Promise<number> {
    const { columns, primaryKey } = this.#epoch;
    const names = columns.map((c) => `s.${ident(c.name)}`).join(', ');
    const missing = `LEFT JOIN ${this.#table} AS t ON ${this.#on} WHERE t.${ident(primaryKey[0] ?? '')} IS NULL AND ${this.#kept}`;
    return this.#target.db.changed(
      `INSERT INTO ${this.#table} (${columnsSql(columns)}${soft ? `, ${soft}` : ''})
       SELECT ${names}${soft ? ', 0' : ''} FROM ${this.#staged} AS s ${missing}`,
    );
  }

  /** All rows in one temporary table with an index on the key; a key that stands twice is refused. */
  async #bring(input: Input): Promise<number> {
    const { db, scratch, collation } = this.#target;
    const { columns, deletes, primaryKey } = this.#epoch;
    const all: Column[] = deletes ? [...columns, { name: DELETE_MARK, type: { kind: 'boolean' } }] : [...columns];
    const keys = primaryKey.flatMap((k) => columns.find((c) => c.name === k) ?? []);
    const create = createSql(scratch, all, [], collation).replace('CREATE TABLE', 'CREATE TEMPORARY TABLE');
    await db.run(create.replace(/\) ENGINE = InnoDB$/, `, INDEX (${indexColumns(keys)})) ENGINE = InnoDB`));
    const rows =
      'insert' in input ? await input.insert(this.#staged, all) : await copyAll(db, this.#staged, all, input);
    const [twice] = await db.rows(
      `SELECT 1 AS found FROM ${this.#staged} GROUP BY ${idents(primaryKey)} HAVING count(*) > 1 LIMIT 1`,
    );
    if (!twice) return rows;
    throw new SluiceError(
      'destination/duplicate-key',
      'terminal',
      `Two rows to merge have the same key (${primaryKey.join(', ')}).`,
      { hint: 'Name all columns that make a row unique in `primary_key`, or add a dedupe step.' },
    );
  }
}
