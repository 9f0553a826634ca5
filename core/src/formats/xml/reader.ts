import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FormatReader, LocalFile, RawColumn } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { json } from '../json/reader.ts';
import { distinctNames } from '../shared/names.ts';
import { type OwnCsv, rawRowsSql } from '../shared/own-csv.ts';
import { scanSql } from '../shared/scan-sql.ts';
import { FLUSH, KEPT_TEXT, rejectLine, rejectsSql, Writer } from '../shared/writer.ts';
import { holder, visitRecords } from './records.ts';
import { jsonOf, objectOf, type XmlRecord } from './values.ts';

/** Records looked at in each of the first files, and in each one after them. */
const FULL_SAMPLE = 20_000;
const SHORT_SAMPLE = 1000;
const FULL_SAMPLES = 16;

/** The names of attributes and children that the columns take, in their order. */
type Dialect = JsonObject & { fields: string[] };

let made = 0;

/** XML 1.0. Records are written as text into the spool, from where the engine reads them. */
export const xml: FormatReader = {
  async sniff(files, settings) {
    const nested = new Map<string, boolean>();
    const evidence: string[] = [];
    const warnings: string[] = [];
    for (const [i, file] of files.entries()) {
      const before = nested.size;
      const head = i < FULL_SAMPLES ? FULL_SAMPLE : SHORT_SAMPLE;
      const most = file.whole ? Number.POSITIVE_INFINITY : head;
      const { records, others } = await sniffFields(file, settings, most, nested);
      if (records === 0 && others.size > 0) warnings.push(noRecord(file, settings, others));
      if (i > 0 && before === nested.size) continue;
      const added = [...nested.keys()].slice(before).join(', ');
      evidence.push(`${file.name}: seen in ${records} records of its head: ${added || 'no field'}`);
    }
    const fields = [...nested.keys()];
    const names = distinctNames(fields);
    const columns = [...nested.values()].map((isJson, i) => ({
      name: names[i] ?? '',
      type: isJson ? ({ kind: 'json' } as const) : null,
    }));
    return { dialect: { fields }, columns, evidence, warnings };
  },

  expect: (sniffed, columns) => json.expect?.(sniffed, columns) ?? sniffed,

  async scan(files, sniffed, settings, engine, options) {
    const name = `xml-${process.pid}-${made++}`;
    const rejects = options.skipBadRows ? join(engine.spool, `${name}.rejects.csv`) : null;
    const aside = rejects === null ? null : new Writer(await open(rejects, 'w'));
    const parts: string[] = [];
    try {
      for (const file of files) {
        const rows = new RowWriter(file, (sniffed.dialect as Dialect).fields, sniffed.columns, aside, options.limit);
        const written = await rows.write(settings, join(engine.spool, `${name}-${file.ordinal}.csv`), (count) =>
          engine.readBytes?.(count),
        );
        parts.push(rawRowsSql(file, written, sniffed.columns, options.rowNumbers));
      }
      await aside?.flush(0);
    } finally {
      await aside?.close();
    }
    const bad = rejects !== null && (aside?.written ?? 0) > 0;
    return { sql: scanSql(parts, sniffed.columns, options), rejects: bad ? rejectsSql(rejects) : null };
  },

  async explain() {
    return null;
  },
};

function pathOf({ record_path: written }: JsonObject): string[] | null {
  return typeof written === 'string' ? written.replace(/^\//, '').split('/') : null;
}

/** A list may well be empty, so that this is no error. */
function noRecord(file: LocalFile, settings: JsonObject, others: ReadonlySet<string>): string {
  const path = pathOf(settings) ?? [];
  return `${file.name} holds no record: in ${holder(path)} there is no ${path.at(-1)}, but ${[...others].join(', ')}. Correct \`record_path\` where one of these is meant.`;
}

/** Enters what the first records hold: whether it is a list, or has attributes or children, in any of them. */
async function sniffFields(
  file: LocalFile,
  settings: JsonObject,
  most: number,
  nested: Map<string, boolean>,
): Promise<{ records: number; others: ReadonlySet<string> }> {
  let records = 0;
  const take = (record: XmlRecord): boolean => {
    for (const [name, value] of record)
      nested.set(name, nested.get(name) === true || (value !== null && typeof value !== 'string'));
    return ++records < most;
  };
  const others = await visitRecords(file, pathOf(settings), take, async () => undefined);
  return { records, others };
}

/** Writes a file's records in the form of CSV that the engine reads without fail; the record's number counts bad ones too. */
class RowWriter {
  readonly #file: LocalFile;
  readonly #fields: readonly string[];
  readonly #known: ReadonlySet<string>;
  readonly #json: readonly boolean[];
  readonly #aside: Writer | null;
  readonly #most: number;
  #records = 0;
  #rows = 0;
  #longest = 0;

  constructor(
    file: LocalFile,
    fields: readonly string[],
    columns: readonly RawColumn[],
    aside: Writer | null,
    most: number | undefined,
  ) {
    this.#file = file;
    this.#fields = fields;
    this.#known = new Set(fields);
    this.#json = columns.map(({ type }) => type?.kind === 'json');
    this.#aside = aside;
    this.#most = most ?? Number.POSITIVE_INFINITY;
  }

  async write(settings: JsonObject, path: string, onBytes: (count: number) => void): Promise<OwnCsv> {
    const rows = new Writer(await open(path, 'w'));
    try {
      await visitRecords(
        this.#file,
        pathOf(settings),
        (record, line) => this.#take(rows, record, line),
        async (bytes) => {
          onBytes(bytes);
          await rows.flush(FLUSH);
          await this.#aside?.flush(FLUSH);
        },
      );
      await rows.flush(0);
      return { path, size: rows.written, longest: this.#longest };
    } finally {
      await rows.close();
    }
  }

  #take(rows: Writer, record: XmlRecord, line: number): boolean {
    this.#records++;
    const unknown = this.#unknown(record);
    if (unknown !== undefined) {
      this.#refuse(record, line, unknown);
      return true;
    }
    const before = rows.size;
    for (const [i, field] of this.#fields.entries()) {
      const value = record.get(field);
      if (value === undefined || value === null) rows.text(',');
      else rows.quotedText(typeof value === 'string' && !this.#json[i] ? value : jsonOf(value));
    }
    rows.text(`${this.#records}\n`);
    this.#longest = Math.max(this.#longest, rows.size - before);
    return ++this.#rows < this.#most;
  }

  /** A value that no column takes. */
  #unknown(record: XmlRecord): string | undefined {
    for (const [name, value] of record) if (value !== null && !this.#known.has(name)) return name;
    return undefined;
  }

  #refuse(record: XmlRecord, line: number, name: string): void {
    const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
    const fault = { code: 'format/columns', reason: `it has a field that the run did not see before: ${shown}` };
    // A child that is not known yet makes no record bad: the run looks for it and begins anew.
    if (this.#aside && this.#most < Number.POSITIVE_INFINITY) {
      const text = objectOf(record).slice(0, KEPT_TEXT);
      this.#aside.text(rejectLine(this.#file.ordinal, { line, start: null }, fault, text));
      return;
    }
    throw new SluiceError(fault.code, 'data', `${this.#file.name}, line ${line}: ${fault.reason}`, {
      where: { path: this.#file.name, line },
      hint: 'Declare the column under `columns`, so that it is known before the first row is read.',
    });
  }
}
