import type { Add, Snapshot } from '../../delta/actions.ts';
import { fromUri } from '../../delta/paths.ts';
import { type ScanFile, tableSql } from '../../delta/scan.ts';
import { columnsOf } from '../../delta/types.ts';
import { deletedRows } from '../../delta/vectors.ts';
import type { EpochCommit } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import type { WritableFolder } from '../../model/folder.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import type { LocalEngine } from '../shared/duck-instance.ts';
import { DELETE_MARK, SOFT_DELETE_COLUMN } from '../shared/tables.ts';
import { filesThatMayHold } from './prune.ts';
import { sameName } from './shape.ts';

/** What a commit makes of files that are there: rows that take their place, and how they differ. */
export interface Rewritten {
  /** Files that go. */
  gone: Add[];
  /** A SELECT of the rows that come instead, with the table's columns; null: none. */
  sql: string | null;
  counts: { rows_inserted: number; rows_updated: number; rows_deleted: number };
}

const FILE = '_sluice_file';
const TABLE = ident('_sluice_table');
const ROWS = ident('_sluice_rows');

/** Files of a table as the engine reads them: here, or copied into `into`. */
export async function scanFiles(folder: WritableFolder, files: readonly Add[], into: string): Promise<ScanFile[]> {
  const found: ScanFile[] = [];
  for (const file of files) {
    const path = await folder.local(fromUri(file.path), into);
    const deleted = file.deletionVector ? await deletedRows(folder, file.deletionVector) : [];
    found.push({ path, partition: file.partitionValues, deleted });
  }
  return found;
}

/** Rewrites the files of a table that an epoch touches, as copies: the files that are there stay as they are for their readers. */
export class Rewriter {
  readonly #engine: LocalEngine;
  readonly #folder: WritableFolder;
  readonly #table: Snapshot;
  /** The table's columns once the epoch is committed. */
  readonly #columns: readonly Column[];
  #files: Add[] = [];

  constructor(engine: LocalEngine, folder: WritableFolder, table: Snapshot, columns: readonly Column[]) {
    this.#engine = engine;
    this.#folder = folder;
    this.#table = table;
    this.#columns = columns;
  }

  /** All files, with their values as the columns' new types. */
  async all(): Promise<Rewritten> {
    await this.#open();
    return { gone: this.#files, sql: `SELECT ${this.#list('t')} FROM ${TABLE} AS t`, counts: NOTHING };
  }

  /** The files with rows of a window, without these; `reshaped`: all files. */
  async window({ column, from, to }: NonNullable<EpochCommit['window']>, reshaped: boolean): Promise<Rewritten> {
    await this.#open();
    const type = toDuckType(this.#columns.find((c) => sameName(c.name, column))?.type ?? { kind: 'timestamptz' });
    const at = (text: string) => `CAST(${literal(text)} AS ${type})`;
    const inside = `t.${ident(column)} >= ${at(from)} AND t.${ident(column)} < ${at(to)}`;
    const counts = await this.#rows(`SELECT ${FILE} AS f, count(*) AS n FROM ${TABLE} AS t WHERE ${inside} GROUP BY 1`);
    const touched = await this.#narrow(
      counts.map((row) => Number(row.f)),
      reshaped,
    );
    const rows_deleted = counts.reduce((sum, row) => sum + Number(row.n), 0);
    const sql = `SELECT ${this.#list('t')} FROM ${TABLE} AS t WHERE (${inside}) IS NOT TRUE`;
    return { gone: touched, sql: touched.length > 0 ? sql : null, counts: { ...NOTHING, rows_deleted } };
  }

  /** A merge of staged rows. Throws `destination/duplicate-key` where one key stands twice in them. */
  async merge(epoch: EpochCommit, parts: readonly string[], reshaped: boolean): Promise<Rewritten> {
    await mergeInput(this.#engine, epoch, parts);
    const keys = epoch.primaryKey;
    const all = [...this.#table.files.values()];
    const columns = columnsOf(this.#table.metadata).filter((c) => keys.some((key) => sameName(key, c.name)));
    // Where all files are written anew their rows are read all the same.
    await this.#open(reshaped ? all : await filesThatMayHold(this.#engine, all, columns, ROWS));
    const on = (left: string) => keys.map((k) => `${left}.${ident(k)} = s.${ident(k)}`).join(' AND ');
    const found = await this.#rows(
      `SELECT DISTINCT ${FILE} AS f FROM ${TABLE} AS t SEMI JOIN ${ROWS} AS s ON ${on('t')}`,
    );
    const touched = await this.#narrow(
      found.map((row) => Number(row.f)),
      reshaped,
    );
    const upserts = epoch.deletes ? `(SELECT * FROM ${ROWS} WHERE ${ident(DELETE_MARK)} IS NOT TRUE)` : ROWS;
    const gone = `(SELECT * FROM ${ROWS} WHERE ${ident(DELETE_MARK)})`;
    const key = keys.map((k) => `t.${ident(k)}`).join(', ');
    const held = `(SELECT DISTINCT ON (${key}) * FROM ${TABLE} AS t SEMI JOIN ${upserts} AS s ON ${on('t')})`;
    const count = async (from: string) => Number((await this.#rows(`SELECT count(*) AS n FROM ${from}`))[0]?.n ?? 0);
    const rows_updated = await count(`${held} AS h`);
    const rows_inserted = (await count(`${upserts} AS u`)) - rows_updated;
    const rows_deleted = epoch.deletes ? await count(`${TABLE} AS t SEMI JOIN ${gone} AS s ON ${on('t')}`) : 0;
    const sql = [
      `SELECT ${this.#list('t')} FROM ${TABLE} AS t ANTI JOIN ${ROWS} AS s ON ${on('t')}`,
      `SELECT ${this.#merged(epoch, true)} FROM ${held} AS t JOIN ${upserts} AS s ON ${on('t')}`,
      `SELECT ${this.#merged(epoch, false)} FROM ${upserts} AS s ANTI JOIN ${TABLE} AS t ON ${on('t')}`,
    ];
    if (epoch.deletes === 'soft')
      sql.push(`SELECT ${this.#list('t', true)} FROM ${TABLE} AS t SEMI JOIN ${gone} AS s ON ${on('t')}`);
    return { gone: touched, sql: sql.join(' UNION ALL '), counts: { rows_inserted, rows_updated, rows_deleted } };
  }

  /** Lays the table out as a view with the new types, over all files or over some. */
  async #open(files: Add[] = [...this.#table.files.values()]): Promise<void> {
    this.#files = files;
    const before = columnsOf(this.#table.metadata);
    const scanned = await scanFiles(this.#folder, files, this.#engine.folder);
    const sql = await tableSql((text) => this.#rows(text), scanned, before, { file: FILE });
    const values = this.#columns.map((c) => {
      const known = before.find((b) => sameName(b.name, c.name));
      return `CAST(${known ? ident(known.name) : 'NULL'} AS ${toDuckType(c.type)}) AS ${ident(c.name)}`;
    });
    await this.#rows(`CREATE OR REPLACE TEMP VIEW ${TABLE} AS SELECT ${values.join(', ')}, ${FILE} FROM (${sql}) AS f`);
  }

  /** From here on the view holds the touched files alone. */
  async #narrow(indexes: readonly number[], reshaped: boolean): Promise<Add[]> {
    if (reshaped) return this.#files;
    const touched = [...new Set(indexes)].sort((a, b) => a - b).flatMap((i) => this.#files[i] ?? []);
    if (touched.length < this.#files.length) await this.#open(touched);
    return touched;
  }

  #list(alias: string, marked = false): string {
    return this.#columns
      .map((c) =>
        marked && c.name === SOFT_DELETE_COLUMN.name ? `true AS ${ident(c.name)}` : `${alias}.${ident(c.name)}`,
      )
      .join(', ');
  }

  /** The table's columns of a merged row; what the rows do not have stays as it was, or is null in a row that is new. */
  #merged(epoch: EpochCommit, wasThere: boolean): string {
    const items = this.#columns.map((c) => {
      const type = toDuckType(c.type);
      if (epoch.deletes === 'soft' && c.name === SOFT_DELETE_COLUMN.name) return `false AS ${ident(c.name)}`;
      const own = epoch.columns.find((e) => sameName(e.name, c.name));
      const value = own ? `s.${ident(own.name)}` : wasThere ? `t.${ident(c.name)}` : 'NULL';
      return `CAST(${value} AS ${type}) AS ${ident(c.name)}`;
    });
    return items.join(', ');
  }

  #rows(sql: string): Promise<Record<string, unknown>[]> {
    this.#engine.signal.throwIfAborted();
    return this.#engine.rows(sql);
  }
}

const NOTHING = { rows_inserted: 0, rows_updated: 0, rows_deleted: 0 };

/** A merge into a table that is new, or starts anew: a row that takes its key away is left out. */
export async function mergeAnew(
  engine: LocalEngine,
  epoch: EpochCommit,
  parts: readonly string[],
  columns: readonly Column[],
): Promise<Rewritten> {
  await mergeInput(engine, epoch, parts);
  const kept = epoch.deletes ? ` WHERE ${ident(DELETE_MARK)} IS NOT TRUE` : '';
  const items = columns.map((c) => {
    const own = epoch.columns.find((e) => sameName(e.name, c.name));
    return `${own ? ident(own.name) : 'false'} AS ${ident(c.name)}`;
  });
  const [found] = await engine.rows(`SELECT count(*) AS n FROM ${ROWS}${kept}`);
  const rows_inserted = Number(found?.n ?? 0);
  return { gone: [], sql: `SELECT ${items.join(', ')} FROM ${ROWS}${kept}`, counts: { ...NOTHING, rows_inserted } };
}

async function mergeInput(engine: LocalEngine, epoch: EpochCommit, parts: readonly string[]): Promise<void> {
  await engine.rows(`CREATE OR REPLACE TEMP VIEW ${ROWS} AS SELECT * FROM read_parquet(${literalList(parts)})`);
  const keys = epoch.primaryKey.map((k) => ident(k)).join(', ');
  if (keys === '') return;
  const [most] = await engine.rows(
    `SELECT coalesce(max(n), 0) AS n FROM (SELECT count(*) AS n FROM ${ROWS} GROUP BY ${keys}) AS counted`,
  );
  if (Number(most?.n ?? 0) <= 1) return;
  throw new SluiceError(
    'destination/duplicate-key',
    'terminal',
    `Two rows to merge have the same key (${epoch.primaryKey.join(', ')}).`,
    { hint: 'Name all columns that make a row unique in `primary_key`, or add a dedupe step.' },
  );
}
