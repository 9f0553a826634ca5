import type { LocalFile } from '../../model/component.ts';
import type { DataType } from '../../model/type.ts';
import { bomLength, readHead } from '../shared/sample.ts';
import { faultError } from './faults.ts';
import { type Layout, visitRecords } from './records.ts';
import { decode, type Fields, Scanner, SHORT } from './tokens.ts';

/** What was seen of a field. */
export interface Field {
  name: string;
  nested: boolean;
  /** Strings, and whether one of them could be taken for a number or a boolean. */
  strings: boolean;
  numeric: boolean;
  numbers: boolean;
  /** true and false. */
  words: boolean;
  /** Digits behind the point, where all numbers have as many; null: they differ; undefined: no number was seen. */
  scale: number | null | undefined;
}

const HEAD = 64 * 1024;
const LONGEST_LINE = 128 * 1024 * 1024;
const NUMERIC = /^\s*(?:[+-]?(?:\d[\d.,' ]*|[.,]\d+)(?:e[+-]?\d+)?%?|true|false|nan|[+-]?inf(?:inity)?)\s*$/i;

/**
 * A file's layout by its first bytes: a line that is a whole document makes it one document per line; a list, or an object
 * that goes on in the next line, is a document of its own.
 */
export async function layoutOf(file: LocalFile): Promise<Layout> {
  for (let size = HEAD; ; size *= 8) {
    const head = await readHead(file, size);
    const whole = head.length < size;
    const bytes = head.subarray(bomLength(head));
    const scanner = new Scanner();
    scanner.over(bytes, bytes.length, whole);
    const start = scanner.space(0);
    if (bytes[start] === 91) return 'array';
    const lineEnd = bytes.indexOf(10, start);
    if (lineEnd < 0 && !whole && size < LONGEST_LINE) continue;
    if (bytes[start] !== 123) return 'ndjson';
    scanner.over(bytes, lineEnd < 0 ? bytes.length : lineEnd, true);
    const end = scanner.value(start);
    if (end >= 0 && scanner.space(end) === scanner.end) return 'ndjson';
    // A first line that is bad must not make a document of the lines behind it.
    scanner.over(bytes, bytes.length, false);
    const document = scanner.value(start);
    const goesOn = document === SHORT || (document >= 0 && scanner.space(document) === bytes.length);
    return goesOn && lineEnd >= 0 ? 'array' : 'ndjson';
  }
}

/** Fields of the records in a file's first bytes. Throws the first fault where there is no good record among them. */
export async function sniffFields(
  file: LocalFile,
  reading: { layout: Layout; path: readonly string[] },
  most: number,
  fields: Map<string, Field>,
): Promise<number> {
  let records = 0;
  let fault: Error | null = null;
  let begin: number | null = null;
  await visitRecords(file, reading, (record) => {
    if (record.fault) {
      fault ??= faultError(file, record, record.fault);
    } else {
      records++;
      for (let i = 0; i < record.fields.count; i++) look(record.bytes, record.fields, i, fields);
    }
    begin ??= record.start;
    return record.start + record.to - record.from - begin < most || (records === 0 && fault === null);
  });
  if (records === 0 && fault) throw fault;
  return records;
}

function look(bytes: Buffer, from: Fields, i: number, fields: Map<string, Field>): void {
  const name = decode(bytes, from.nameFrom[i] as number, from.nameTo[i] as number, from.nameEscaped[i] === 1);
  let field = fields.get(name);
  if (!field) {
    field = { name, nested: false, strings: false, numeric: false, numbers: false, words: false, scale: undefined };
    fields.set(name, field);
  }
  const start = from.from[i] as number;
  const byte = bytes[start];
  if (byte === 123 || byte === 91) field.nested = true;
  else if (byte === 34) {
    field.strings = true;
    if (!field.numeric) field.numeric = NUMERIC.test(bytes.toString('latin1', start + 1, (from.to[i] as number) - 1));
  } else if (byte !== 110) {
    if (byte === 116 || byte === 102) {
      field.words = true;
      return;
    }
    field.numbers = true;
    const scale = scaleOf(bytes, start, from.to[i] as number);
    field.scale = field.scale === undefined || field.scale === scale ? scale : null;
  }
}

/** What a field's values are, for want of a sample of them; null: nothing in particular. */
export function guessOf({ nested, strings, numbers, words, scale }: Field): DataType | null {
  if (nested || strings || numbers === words) return null;
  if (words) return { kind: 'boolean' };
  return { kind: scale === 0 ? 'bigint' : 'double' };
}

/** Digits behind a number's point; null: it has an exponent. */
function scaleOf(bytes: Buffer, from: number, to: number): number | null {
  const found = /^-?\d+(?:\.(\d+))?$/.exec(bytes.toString('latin1', from, to));
  return found ? (found[1]?.length ?? 0) : null;
}
