import type { CommitResult, EpochCommit } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { createTable, planTable, type TablePlan } from '../shared/ddl.ts';
import { DELETE_MARK, SOFT_DELETE_COLUMN } from '../shared/tables.ts';
import type { PgDb } from './client.ts';
import type { CopyColumn } from './copy.ts';
import { columnsIn, convert, isPlain, lockName, newColumns, PG, type PgTable, readTable, swap } from './table.ts';
import { toPgType } from './types.ts';

export type Written = Omit<CommitResult, 'repeated'>;

/** Rows to write: a table that holds them already, or a way to copy them into one. Tables are quoted. */
export type Input =
  | { staged: { table: string; columns: CopyColumn[] } }
  | { copy: (table: string, columns: CopyColumn[], freeze: boolean) => Promise<number> };

export interface Target {
  db: PgDb;
  schema: string;
  name: string;
  /** Name for a table that this transaction alone sees. */
  scratch: string;
}

const same = (a: string, b: string) => a === b;
const mark: Column = { name: DELETE_MARK, type: { kind: 'boolean' } };

/** Makes the table fit and puts the rows in, by the epoch's write disposition. The caller owns the transaction. */
export async function writeRows(target: Target, epoch: EpochCommit, input: Input): Promise<Written> {
  let existing = await readTable(target.db, target.schema, target.name);
  const plan = planTable(existing?.columns ?? null, epoch, same);
  if (plan.create || plan.add.length > 0 || plan.alter.length > 0) {
    await lockName(target.db, target.schema, target.name);
    existing = await readTable(target.db, target.schema, target.name);
  }
  const work = new Writer(target, epoch, existing, planTable(existing?.columns ?? null, epoch, same));
  if (epoch.disposition === 'merge') return work.merge(input);
  if (epoch.disposition === 'replace' && !epoch.window) return work.replace(input);
  return work.append(input);
}

class Writer {
  readonly #target: Target;
  readonly #db: PgDb;
  readonly #epoch: EpochCommit;
  readonly #existing: PgTable | null;
  readonly #plan: TablePlan;
  readonly #table: string;

  constructor(target: Target, epoch: EpochCommit, existing: PgTable | null, plan: TablePlan) {
    this.#target = target;
    this.#db = target.db;
    this.#epoch = epoch;
    this.#existing = existing;
    this.#plan = plan;
    this.#table = ident(target.schema, target.name);
  }

  /** Adds the rows; with a window, in the place of that window's. */
  async append(input: Input): Promise<Written> {
    const { create, add, alter } = this.#plan;
    // Changing a table locks its readers out: the rows are brought in first, so that this lasts no longer than it must.
    const direct = 'copy' in input && add.length === 0 && alter.length === 0 && !this.#epoch.window;
    if (direct) {
      await this.#makeFit();
      const rows = await input.copy(this.#table, this.#fitting(), create !== null);
      return { rows_written: rows, rows_inserted: rows };
    }
    const staged = await this.#staged(input, this.#epoch.columns);
    await this.#makeFit();
    const rows_deleted = this.#epoch.window ? await this.#deleteWindow(this.#epoch.window) : 0;
    const rows = await this.#insert(staged, '');
    return { rows_written: rows, rows_inserted: rows, ...(rows_deleted > 0 ? { rows_deleted } : {}) };
  }

  /** A new table takes the old one's place, or where that would lose something, new rows the old ones'. */
  async replace(input: Input): Promise<Written> {
    // A merge that starts anew may hold rows that take their key away: they are left out as a merge leaves them out.
    if (this.#epoch.deletes) return this.merge(input, true);
    const old = this.#existing;
    if (old && !(await isPlain(this.#db, old))) return this.#refill(input);
    let fresh: string;
    let rows: number;
    if ('staged' in input) {
      fresh = input.staged.table;
      rows = Number((await this.#db.rows(`SELECT count(*) AS n FROM ${fresh}`))[0]?.n ?? 0);
    } else {
      fresh = ident(this.#target.schema, this.#target.scratch);
      const columns = newColumns(this.#epoch.columns);
      await this.#db.run(createTable(fresh, { columns, primaryKey: [] }, PG));
      rows = await input.copy(fresh, columns, true);
    }
    if (old) await swap(this.#db, old, fresh, this.#target.schema, this.#target.name);
    else await this.#db.run(`ALTER TABLE ${fresh} RENAME TO ${ident(this.#target.name)}`);
    return { rows_written: rows, rows_inserted: rows };
  }

  async #refill(input: Input): Promise<Written> {
    const staged = await this.#staged(input, this.#epoch.columns);
    await this.#makeFit();
    await this.#db.run(`LOCK TABLE ${this.#table} IN SHARE ROW EXCLUSIVE MODE`);
    await this.#db.changed(`DELETE FROM ${this.#table}`);
    const rows = await this.#insert(staged, '');
    return { rows_written: rows, rows_inserted: rows };
  }

  /** Updates by key and inserts the rest; with `anew`, in the place of all rows. */
  async merge(input: Input, anew = false): Promise<Written> {
    const { columns, deletes, primaryKey } = this.#epoch;
    if (this.#plan.create && !deletes && 'copy' in input) {
      await this.#db.run(createTable(this.#table, { columns: [...columns], primaryKey: [] }, PG));
      const rows = await input.copy(this.#table, newColumns(columns), true);
      await this.#uniqueKey(`ALTER TABLE ${this.#table} ADD PRIMARY KEY (${idents(primaryKey)})`);
      return { rows_written: rows, rows_inserted: rows, rows_updated: 0, rows_deleted: 0 };
    }
    const staged = await this.#staged(input, deletes ? [...columns, mark] : columns);
    await this.#uniqueKey(`CREATE UNIQUE INDEX ON ${staged.table} (${idents(primaryKey)})`);
    await this.#db.run(`ANALYZE ${staged.table}`);
    await this.#makeFit();
    await this.#db.run(`LOCK TABLE ${this.#table} IN SHARE ROW EXCLUSIVE MODE`);
    if (anew) await this.#db.changed(`DELETE FROM ${this.#table}`);
    return this.#mergeFrom(staged);
  }

  async #mergeFrom(staged: { table: string; columns: CopyColumn[] }): Promise<Written> {
    const { columns, deletes, primaryKey } = this.#epoch;
    const total = Number((await this.#db.rows(`SELECT count(*) AS n FROM ${staged.table}`))[0]?.n ?? 0);
    const on = primaryKey.map((k) => `t.${ident(k)} = ${this.#value(staged.columns, k)}`).join(' AND ');
    const soft = deletes === 'soft' ? ident(SOFT_DELETE_COLUMN.name) : null;
    const gone = `s.${ident(DELETE_MARK)}`;
    let rows_deleted = 0;
    if (soft)
      rows_deleted = await this.#db.changed(
        `UPDATE ${this.#table} AS t SET ${soft} = true FROM ${staged.table} AS s WHERE ${on} AND ${gone}`,
      );
    else if (deletes)
      rows_deleted = await this.#db.changed(
        `DELETE FROM ${this.#table} AS t USING ${staged.table} AS s WHERE ${on} AND ${gone}`,
      );
    const kept = deletes ? ` AND ${gone} IS NOT TRUE` : '';
    const sets = columns
      .filter((c) => !primaryKey.includes(c.name))
      .map((c) => `${ident(c.name)} = ${this.#value(staged.columns, c.name)}`);
    if (soft) sets.push(`${soft} = false`);
    const upserts = deletes
      ? Number((await this.#db.rows(`SELECT count(*) AS n FROM ${staged.table} AS s WHERE true${kept}`))[0]?.n ?? 0)
      : total;
    if (sets.length > 0)
      await this.#db.changed(
        `UPDATE ${this.#table} AS t SET ${sets.join(', ')} FROM ${staged.table} AS s WHERE ${on}${kept}`,
      );
    const inserted = await this.#insert(
      staged,
      ` WHERE NOT EXISTS (SELECT 1 FROM ${this.#table} AS t WHERE ${on})${kept}`,
      soft,
    );
    return { rows_written: total, rows_inserted: inserted, rows_updated: upserts - inserted, rows_deleted };
  }

  /** Columns of the epoch with the types that they have in the table once it fits. */
  #fitting(): CopyColumn[] {
    const { add, alter } = this.#plan;
    const changed = new Set([...add, ...alter].map((c) => c.name));
    const kept = (this.#existing?.columns ?? []).filter((c) => !changed.has(c.name));
    return columnsIn(this.#epoch.columns, [...kept, ...newColumns([...add, ...alter])]);
  }

  #value(staged: readonly CopyColumn[], name: string): string {
    const from = staged.find((c) => c.name === name)?.pgType ?? 'text';
    const to = this.#fitting().find((c) => c.name === name)?.pgType ?? from;
    return convert(`s.${ident(name)}`, from, to);
  }

  async #insert(
    staged: { table: string; columns: CopyColumn[] },
    where: string,
    soft: string | null = null,
  ): Promise<number> {
    const names = this.#epoch.columns.map((c) => c.name);
    const values = names.map((name) => this.#value(staged.columns, name)).join(', ');
    return this.#db.changed(
      `INSERT INTO ${this.#table} (${idents(names)}${soft ? `, ${soft}` : ''}) SELECT ${values}${soft ? ', false' : ''} FROM ${staged.table} AS s${where}`,
    );
  }

  /** The rows in a table: where they are only to be copied, a temporary one that has the columns' final types. */
  async #staged(input: Input, columns: readonly Column[]): Promise<{ table: string; columns: CopyColumn[] }> {
    if ('staged' in input) return input.staged;
    const fitting = [...this.#fitting(), ...newColumns(columns.filter((c) => c.name === DELETE_MARK))];
    const table = ident('pg_temp', this.#target.scratch);
    const list = fitting.map((c) => `${ident(c.name)} ${c.pgType}`).join(', ');
    await this.#db.run(`CREATE TEMP TABLE ${ident(this.#target.scratch)} (${list}) ON COMMIT DROP`);
    await input.copy(table, fitting, true);
    return { table, columns: fitting };
  }

  async #makeFit(): Promise<void> {
    const { create, add, alter } = this.#plan;
    const key = this.#epoch.disposition === 'merge' || this.#epoch.deletes ? this.#epoch.primaryKey : [];
    if (create) await this.#db.run(createTable(this.#table, { columns: create, primaryKey: key }, PG));
    const steps = [
      ...add.map((c) => `ADD COLUMN ${ident(c.name)} ${toPgType(c.type, c.native)}`),
      ...alter.map((c) => `ALTER COLUMN ${ident(c.name)} TYPE ${toPgType(c.type)} USING ${this.#recast(c)}`),
    ];
    if (steps.length > 0) await this.#db.run(`ALTER TABLE ${this.#table} ${steps.join(', ')}`);
  }

  #recast(column: Column): string {
    const to = toPgType(column.type);
    const from = this.#existing?.columns.find((c) => c.name === column.name)?.pgType ?? 'text';
    if (to === 'jsonb' && !/^jsonb?$/.test(from)) return `to_jsonb(${ident(column.name)})`;
    return `CAST(${ident(column.name)} AS ${to})`;
  }

  #deleteWindow(window: { column: string; from: string; to: string }): Promise<number> {
    const type = this.#fitting().find((c) => c.name === window.column)?.pgType ?? 'timestamp with time zone';
    const at = (text: string) => `CAST(${literal(text)} AS ${type})`;
    const column = ident(window.column);
    return this.#db.changed(
      `DELETE FROM ${this.#table} WHERE ${column} >= ${at(window.from)} AND ${column} < ${at(window.to)}`,
    );
  }

  async #uniqueKey(statement: string): Promise<void> {
    const keys = this.#epoch.primaryKey.join(', ');
    await this.#db.run(statement).catch((error) => {
      if (!(error instanceof SluiceError) || !/\(23505\)$/.test(error.message)) throw error;
      throw new SluiceError('destination/duplicate-key', 'terminal', `Two rows to merge have the same key (${keys}).`, {
        hint: 'Name all columns that make a row unique in `primary_key`, or add a dedupe step.',
      });
    });
  }
}

function idents(names: readonly string[]): string {
  return names.map((name) => ident(name)).join(', ');
}
