import { open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';
import { FLUSH, KEPT_TEXT, rejectLine, Writer } from '../shared/writer.ts';
import { type JsonFile, placeIn } from './encoding.ts';
import { faultError } from './faults.ts';
import { countBefore, type Fault, type JsonRecord, type Layout, type Reading, visitRecords } from './records.ts';
import { decode } from './tokens.ts';

export interface Rewritten {
  rows: number;
  rejects: number;
  /** Bytes that were written. */
  size: number;
  /** Bytes of the longest row. */
  longest: number;
}

export interface RewriteOptions {
  /** Fields in the order of the columns; `json` ones are written as they stand, strings with their quotes. */
  fields: readonly { name: string; json: boolean }[];
  /** Where the rows go: values quoted, NULLs bare, comma and LF, the record's number last. */
  rows: string;
  /** Where bad rows go; null: the first one is thrown. */
  rejects: string | null;
  limit: number | null;
  /** Told of bytes as they are read. */
  onBytes?: (count: number) => void;
}

const COMMA = 44;

/**
 * Writes a file's records as rows of text in the one form of CSV that the engine reads without fail: its JSON reader would take
 * numbers through double. The record's number counts bad rows too.
 */
export async function rewrite(file: JsonFile, reading: Reading, options: RewriteOptions): Promise<Rewritten> {
  const rows = new Writer(await open(options.rows, 'w'));
  const rejects = options.rejects === null ? null : new Writer(await open(options.rejects, 'a'));
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const picker = new Picker(options.fields);
  const done = { rows: 0, rejects: 0, size: 0, longest: 0 };
  // A sample's numbers are of no use.
  const before = options.limit === null ? await countBefore(file) : { lines: 0, records: 0 };
  const take = (record: JsonRecord): boolean => {
    const fault = record.fault ?? picker.pick(record);
    if (fault) {
      // A field that is not known yet makes no record bad: the run looks for it and begins anew.
      const isNew = fault.code === 'format/columns' && options.limit === null;
      if (!rejects || isNew) throw faultError(file, record, fault);
      const text = record.bytes.toString('utf8', record.from, Math.min(record.to, record.from + KEPT_TEXT));
      rejects.text(
        rejectLine(
          file.ordinal,
          { line: record.line, start: placeIn(file, record.start).byte_offset ?? null },
          fault,
          text,
        ),
      );
      done.rejects++;
      return true;
    }
    const size = rows.size;
    picker.write(rows, record);
    rows.text(`${before.records + done.rows + done.rejects + 1}\n`);
    done.longest = Math.max(done.longest, rows.size - size);
    done.rows++;
    return done.rows < limit;
  };
  try {
    const between = async (count: number) => {
      options.onBytes?.(count);
      await rows.flush(FLUSH);
      await rejects?.flush(FLUSH);
    };
    await visitRecords(file, reading, take, between, before.lines);
    await rows.flush(0);
    await rejects?.flush(0);
    return { ...done, size: rows.written };
  } finally {
    await rows.close();
    await rejects?.close();
  }
}

/** Whether the engine, too, reads each record of a file: its failure then has another cause. */
export async function isWhole(
  { file, layout }: { file: LocalFile; layout: Layout },
  fields: RewriteOptions['fields'],
): Promise<boolean> {
  const picker = new Picker(fields);
  let whole = true;
  const take = (record: JsonRecord): boolean => {
    // The engine refuses a record that has a name twice.
    whole = record.fault === null && picker.pick(record) === null && !picker.twice;
    return whole;
  };
  try {
    await visitRecords(file, { layout, path: [] }, take);
    return whole;
  } catch {
    return false;
  }
}

/** Finds each column's field in a record. */
class Picker {
  readonly #fields: RewriteOptions['fields'];
  readonly #places: ReadonlyMap<string, number>;
  readonly #names: readonly Buffer[];
  /** Each column's field in the record at hand, or -1. */
  readonly #found: Int32Array;
  /** The column that a record's nth field was last time: most records are alike. */
  readonly #guess: number[] = [];

  /** The record at hand has a column's field twice. */
  twice = false;

  constructor(fields: RewriteOptions['fields']) {
    this.#fields = fields;
    this.#places = new Map(fields.map((field, i) => [field.name, i]));
    this.#names = fields.map((field) => Buffer.from(field.name));
    this.#found = new Int32Array(fields.length);
  }

  /** The fault of a record with a value that no column takes, or null. */
  pick(record: JsonRecord): Fault | null {
    const { bytes, fields } = record;
    const found = this.#found.fill(-1);
    this.twice = false;
    for (let i = 0; i < fields.count; i++) {
      const from = fields.nameFrom[i] as number;
      const to = fields.nameTo[i] as number;
      const guess = this.#guess[i];
      if (guess !== undefined && sameBytes(this.#names[guess] as Buffer, bytes, from, to)) {
        this.twice ||= (found[guess] as number) >= 0;
        found[guess] = i;
        continue;
      }
      const name = decode(bytes, from, to, fields.nameEscaped[i] === 1);
      const place = this.#places.get(name);
      if (place !== undefined) {
        this.twice ||= (found[place] as number) >= 0;
        found[place] = i;
        this.#guess[i] = place;
      } else if (!isNull(record, i)) return unknownField(name);
    }
    return null;
  }

  write(rows: Writer, record: JsonRecord): void {
    const { bytes, fields } = record;
    for (let column = 0; column < this.#found.length; column++) {
      const i = this.#found[column] as number;
      if (i < 0 || isNull(record, i)) {
        rows.byte(COMMA);
        continue;
      }
      const from = fields.from[i] as number;
      const to = fields.to[i] as number;
      const unquote = bytes[from] === 34 && this.#fields[column]?.json !== true;
      if (!unquote) rows.value(bytes, from, to);
      else if (fields.escaped[i] !== 1) rows.value(bytes, from + 1, to - 1);
      else {
        const text = Buffer.from(decode(bytes, from + 1, to - 1, true));
        rows.value(text, 0, text.length);
      }
    }
  }
}

/** A loop, because names are short and a native call costs more. */
function sameBytes(name: Buffer, bytes: Buffer, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[from + i]) return false;
  return true;
}

function isNull(record: JsonRecord, i: number): boolean {
  return record.bytes[record.fields.from[i] as number] === 110;
}

function unknownField(name: string): Fault {
  const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return { code: 'format/columns', reason: `it has a field that the run did not see before: ${shown}` };
}
