import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Line {
  add?: { path: string; partitionValues: Record<string, string | null>; stats?: string; size: number };
  remove?: { path: string };
  metaData?: { schemaString: string; partitionColumns: string[] };
  protocol?: { minReaderVersion: number; minWriterVersion: number; readerFeatures?: string[] };
  txn?: { appId: string; version: number };
}

/** A Delta table as the lines of its log say, read without the code under test. Only for logs without checkpoints that matter. */
export class LogView {
  readonly #folder: string;
  readonly versions: Line[][];

  constructor(folder: string) {
    this.#folder = folder;
    const log = join(folder, '_delta_log');
    const names = readdirSync(log).filter((name) => /^\d{20}\.json$/.test(name));
    this.versions = names.sort().map((name) =>
      readFileSync(join(log, name), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Line),
    );
  }

  /** Files of the table now, by the log's own names. */
  get files(): Map<string, NonNullable<Line['add']>> {
    const files = new Map<string, NonNullable<Line['add']>>();
    for (const { add, remove } of this.versions.flat()) {
      if (remove && !files.delete(remove.path)) throw new Error(`${remove.path} is removed and was not there`);
      if (add) files.set(add.path, add);
    }
    return files;
  }

  get fields(): { name: string; type: unknown }[] {
    const last = this.versions.flat().findLast((line) => line.metaData)?.metaData;
    return JSON.parse(last?.schemaString ?? '{"fields":[]}').fields;
  }

  /** A SELECT of the table's columns in their order. */
  sql(): string {
    const names = this.fields.map((f) => f.name);
    const nulls = names.map((name) => `NULL AS "${name}"`).join(', ');
    const paths = [...this.files.keys()].map((uri) => `'${join(this.#folder, decodeURIComponent(uri))}'`);
    if (paths.length === 0) return `SELECT ${nulls} WHERE false`;
    const list = names.map((name) => `"${name}"`).join(', ');
    return `SELECT ${list} FROM (SELECT ${nulls} WHERE false UNION ALL BY NAME SELECT * FROM read_parquet([${paths.join(', ')}], union_by_name = true, hive_partitioning = false))`;
  }
}
