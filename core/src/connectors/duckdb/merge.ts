import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EpochCommit } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { typed } from '../shared/duck-rows.ts';
import { DELETE_MARK, SOFT_DELETE_COLUMN } from '../shared/tables.ts';
import { type Input, list, sameName, type Target, type Written } from './rows.ts';

const MARK: Column = { name: DELETE_MARK, type: { kind: 'boolean' } };
const HELD = ident('temp', '_sluice_held');

/**
 * Merges rows into a table that fits them. A hash join of all keys may need more memory than the run has, so a large
 * merge finds and deletes what it updates in parts by the key's hash, then inserts. Deleting and inserting is used instead
 * of UPDATE: DuckDB keeps the old and new values of updated rows in memory until the commit.
 */
export async function mergeRows(target: Target, epoch: EpochCommit, input: Input, columns: Column[]): Promise<Written> {
  if ('parts' in input) return new Merge(target, epoch, columns, input.parts).run();
  const landed = join(target.scratch, `merge-${epoch.epoch}.parquet`);
  const marked = epoch.deletes ? [...epoch.columns, MARK] : epoch.columns;
  try {
    await target.db.run(
      `COPY (SELECT ${typed(marked)} FROM (${input.sql}) AS r) TO ${literal(landed)} (FORMAT parquet, USE_TMP_FILE false)`,
    );
    return await new Merge(target, epoch, columns, [landed]).run();
  } finally {
    await rm(landed, { force: true });
  }
}

class Merge {
  readonly #target: Target;
  readonly #epoch: EpochCommit;
  readonly #parts: string[];
  readonly #keys: string[];
  /** Columns of the table that the rows do not have. */
  readonly #kept: Column[];
  readonly #soft: boolean;

  constructor(target: Target, epoch: EpochCommit, columns: Column[], parts: string[]) {
    this.#target = target;
    this.#epoch = epoch;
    this.#parts = parts;
    this.#keys = epoch.primaryKey.map((name) => ident(name));
    this.#soft = epoch.deletes === 'soft';
    this.#kept = columns.filter(
      (c) =>
        !epoch.columns.some((n) => sameName(n.name, c.name)) && !(this.#soft && c.name === SOFT_DELETE_COLUMN.name),
    );
  }

  async run(): Promise<Written> {
    const rows: Written & { rows_inserted: number } = {
      rows_written: 0,
      rows_inserted: 0,
      rows_updated: 0,
      rows_deleted: 0,
    };
    const count = await this.#partitions();
    for (let part = 0; part < count; part++) {
      const where = count > 1 ? ` WHERE hash(${this.#keys.join(', ')}) % ${count} = ${part}` : '';
      const source = `(SELECT * FROM read_parquet(${literalList(this.#parts)})${where})`;
      const total = await this.#countKeys(source);
      rows.rows_written += total;
      if (total > 0 && this.#target.existing) await this.#replaceKeys(source, rows);
    }
    const all = `(SELECT * FROM read_parquet(${literalList(this.#parts)}))`;
    if (!this.#target.existing || this.#kept.length === 0)
      rows.rows_inserted += await this.#target.db.changed(`${this.#into([])} FROM ${this.#upserts(all)} AS s`);
    rows.rows_inserted -= rows.rows_updated ?? 0;
    return rows;
  }

  /** How many parts keep one part's hash table within half of the memory. */
  async #partitions(): Promise<number> {
    const sizes = await Promise.all(this.#parts.map(async (part) => (await stat(part)).size));
    const found = await this.#target.db.rows(`SELECT count(*) AS n FROM read_parquet(${literalList(this.#parts)})`);
    const keys = Number(found[0]?.n ?? 0) * (BYTES_PER_KEY + BYTES_PER_KEY_COLUMN * this.#keys.length);
    const rows = this.#kept.length > 0 ? sizes.reduce((sum, size) => sum + size * GROWTH, 0) : 0;
    return Math.max(1, Math.min(256, Math.ceil((keys + rows) / (this.#target.memory / 2))));
  }

  /** Takes out the rows of one part's keys; where the table has columns that must stay, puts them back with the new values. */
  async #replaceKeys(source: string, rows: Written & { rows_inserted: number }): Promise<void> {
    const { db, table } = this.#target;
    rows.rows_deleted = (rows.rows_deleted ?? 0) + (await this.#delete(source));
    const upserts = this.#upserts(source);
    const keys = this.#keys.map((k) => `t.${k}`);
    await db.run(
      `CREATE OR REPLACE TEMP TABLE _sluice_held AS SELECT DISTINCT ON (${keys.join(', ')})
        ${[...keys, ...this.#kept.map((c) => `t.${ident(c.name)}`)].join(', ')}
      FROM ${table} AS t SEMI JOIN ${upserts} AS s ON ${this.#on('t')}`,
    );
    const held = Number((await db.rows(`SELECT count(*) AS n FROM ${HELD}`))[0]?.n ?? 0);
    rows.rows_updated = (rows.rows_updated ?? 0) + held;
    if (held > 0) await db.changed(`DELETE FROM ${table} AS t USING ${HELD} AS s WHERE ${this.#on('t')}`);
    if (this.#kept.length > 0) {
      // Rows that are new leave the other columns to the table's own defaults.
      const fresh = `${this.#into([])} FROM ${upserts} AS s ANTI JOIN ${HELD} AS h ON ${this.#on('h')}`;
      const known = `${this.#into(this.#kept)} FROM ${upserts} AS s JOIN ${HELD} AS h ON ${this.#on('h')}`;
      rows.rows_inserted += (await db.changed(fresh)) + (await db.changed(known));
    }
    await db.run(`DROP TABLE ${HELD}`);
  }

  async #delete(source: string): Promise<number> {
    const { db, table } = this.#target;
    if (!this.#epoch.deletes) return 0;
    const gone = `${source} AS s WHERE ${this.#on('t')} AND s.${ident(DELETE_MARK)}`;
    if (!this.#soft) return db.changed(`DELETE FROM ${table} AS t USING ${gone}`);
    return db.changed(`UPDATE ${table} AS t SET ${ident(SOFT_DELETE_COLUMN.name)} = true FROM ${gone}`);
  }

  #upserts(source: string): string {
    return this.#epoch.deletes ? `(SELECT * FROM ${source} WHERE ${ident(DELETE_MARK)} IS NOT TRUE)` : source;
  }

  #on(left: string): string {
    return this.#keys.map((k) => `${left}.${k} = s.${k}`).join(' AND ');
  }

  #into(kept: readonly Column[]): string {
    const names = [list(this.#epoch.columns), ...(this.#soft ? [ident(SOFT_DELETE_COLUMN.name)] : [])];
    const values = [list(this.#epoch.columns, 's.'), ...(this.#soft ? ['false'] : [])];
    if (kept.length > 0) {
      names.push(list(kept));
      values.push(list(kept, 'h.'));
    }
    return `INSERT INTO ${this.#target.table} (${names.join(', ')}) SELECT ${values.join(', ')}`;
  }

  /** Rows of one part; throws destination/duplicate-key where a key stands twice, because the later one could not be told. */
  async #countKeys(source: string): Promise<number> {
    const rows = await this.#target.db.rows(
      `SELECT coalesce(sum(n), 0)::BIGINT AS total, coalesce(max(n), 0)::BIGINT AS most
      FROM (SELECT count(*) AS n FROM ${source} GROUP BY ${this.#keys.join(', ')})`,
    );
    if (Number(rows[0]?.most ?? 0) > 1)
      throw new SluiceError(
        'destination/duplicate-key',
        'terminal',
        `Two rows to merge have the same key (${this.#epoch.primaryKey.join(', ')}).`,
        {
          hint: 'Name all columns that make a row unique in `primary_key`, or add a dedupe step.',
        },
      );
    return Number(rows[0]?.total ?? 0);
  }
}

/** Rough sizes in a hash table. */
const BYTES_PER_KEY = 32;
const BYTES_PER_KEY_COLUMN = 40;
/** Parquet holds rows several times smaller than a hash table does. */
const GROWTH = 4;
