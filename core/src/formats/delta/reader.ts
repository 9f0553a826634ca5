import { readFile } from 'node:fs/promises';
import { type ScanFile, tableSql } from '../../delta/scan.ts';
import type { TableColumn } from '../../delta/types.ts';
import type { FormatReader, LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { formatType } from '../../model/type.ts';
import { fetchParts } from '../parquet/parts.ts';
import { parquet } from '../parquet/reader.ts';
import { distinctNames } from '../shared/names.ts';
import { plainPath } from '../shared/path.ts';
import { deltaTable, type Entry } from './listing.ts';

type Dialect = JsonObject & { columns: string };

export const delta: FormatReader = {
  table: deltaTable,

  async sniff(files) {
    const [first] = files;
    const text = first ? await readFile(entryOf(first).columns, 'utf8') : '[]';
    const columns = JSON.parse(text) as TableColumn[];
    const names = distinctNames(columns.map((c) => c.name));
    const named = columns.map((c, i) => ({ ...c, name: names[i] ?? c.name }));
    const shown = named.map((c) => `${c.name} ${formatType(c.type)}`).join(', ');
    const dialect: Dialect = { columns: JSON.stringify(named) };
    return {
      dialect,
      columns: named.map(({ name, type }) => ({ name, type })),
      evidence: [`the table's schema: ${shown}`],
    };
  },

  prune(sniffed, wanted) {
    const columns = sniffed.columns.filter(({ name }) => wanted.has(name));
    return columns.length === 0 ? sniffed : { ...sniffed, columns };
  },

  /**
   * Names are those of the columns, so a table whose files have others is fetched whole. Deletion vectors count all rows of a file,
   * so none is left out.
   */
  async fetchParts(file, wanted, engine, get) {
    if (file.entry?.mapped !== true) return fetchParts(file, { ...wanted, test: null }, engine, get);
    await get([[0, file.size]]);
    return [];
  },

  async scan(files, sniffed, _settings, engine, options) {
    const all = JSON.parse((sniffed.dialect as Dialect).columns) as TableColumn[];
    const columns = sniffed.columns.flatMap(({ name }) => all.find((c) => c.name === name) ?? []);
    const scanned: ScanFile[] = [];
    for (const file of files) {
      const { partition, deleted } = entryOf(file);
      const path = await plainPath(file, engine);
      scanned.push({
        path,
        partition,
        deleted: deleted === null ? [] : await numbersIn(deleted),
        ordinal: file.ordinal,
      });
    }
    const places = { file: '_file', ...(options.rowNumbers ? { row: '_row' } : {}) };
    const sql = await tableSql((text) => engine.rows(text), scanned, columns, places).catch(async (error: unknown) => {
      throw (await parquet.explain(error as Error, files, sniffed)) ?? error;
    });
    return { sql: options.limit === undefined ? sql : `SELECT * FROM (${sql}) LIMIT ${options.limit}`, rejects: null };
  },

  explain: (error, files, sniffed) => parquet.explain(error, files, sniffed),
};

/** Throws `format/delta-none` for a file that no log listed. */
function entryOf(file: LocalFile): Entry {
  if (file.entry) return file.entry as Entry;
  throw new SluiceError('format/delta-none', 'config', `${file.name} belongs to no Delta table`, {
    where: { path: file.name },
    hint: 'Give `path` the folder that holds `_delta_log`.',
  });
}

async function numbersIn(path: string): Promise<number[]> {
  const bytes = await readFile(path);
  return [...new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))];
}
