/** The types of the job language. Plain JSON, so that they travel between threads and into the state. */
export type DataType =
  | { kind: ScalarKind }
  | { kind: 'decimal'; precision: number; scale: number }
  | { kind: 'list'; item: DataType }
  | { kind: 'struct'; fields: Column[] };

export type ScalarKind = (typeof SCALAR_KINDS)[number];

export const SCALAR_KINDS = [
  'boolean',
  'int',
  'bigint',
  'double',
  'text',
  'binary',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'json',
] as const;

/** A named, typed column of a relation or a table. */
export interface Column {
  name: string;
  type: DataType;
  nullable?: boolean;
  /** A table's column that takes every number, of any digits: `type` says only what it is like. */
  loose?: boolean;
  /** The name of its type in a system that both ends of a stream speak; see `Capabilities.native`. */
  native?: string;
}

const scalarKinds: ReadonlySet<string> = new Set(SCALAR_KINDS);

/**
 * Reads a type as it is written in a job: `bigint`, `decimal(12,2)`, `list<text>`, `struct<a: int, b: text>`.
 * Returns null where the text is no type of the language.
 */
export function parseType(text: string): DataType | null {
  const parser = { text, at: 0 };
  const type = readType(parser);
  skipSpace(parser);
  return type && parser.at === text.length ? type : null;
}

interface TypeParser {
  text: string;
  at: number;
}

function skipSpace(p: TypeParser): void {
  while (/\s/.test(p.text[p.at] ?? '')) p.at++;
}

function take(p: TypeParser, pattern: RegExp): string | null {
  skipSpace(p);
  const sticky = new RegExp(pattern.source, 'y');
  sticky.lastIndex = p.at;
  const match = sticky.exec(p.text);
  if (!match) return null;
  p.at = sticky.lastIndex;
  return match[0];
}

function readType(p: TypeParser): DataType | null {
  const word = take(p, /[a-z]+/);
  if (word === null) return null;
  if (word === 'decimal') return readDecimal(p);
  if (word === 'list') {
    if (!take(p, /</)) return null;
    const item = readType(p);
    return item && take(p, />/) ? { kind: 'list', item } : null;
  }
  if (word === 'struct') return readStruct(p);
  return scalarKinds.has(word) ? { kind: word as ScalarKind } : null;
}

function readDecimal(p: TypeParser): DataType | null {
  if (!take(p, /\(/)) return null;
  const precision = Number(take(p, /\d+/) ?? Number.NaN);
  const scale = take(p, /,/) ? Number(take(p, /\d+/) ?? Number.NaN) : 0;
  if (!take(p, /\)/)) return null;
  const valid = precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision;
  return valid ? { kind: 'decimal', precision, scale } : null;
}

function readStruct(p: TypeParser): DataType | null {
  if (!take(p, /</)) return null;
  const fields: Column[] = [];
  do {
    const name = take(p, /"(?:[^"]|"")*"|[A-Za-z_][\w]*/);
    if (name === null || !take(p, /:/)) return null;
    const type = readType(p);
    if (!type) return null;
    fields.push({ name: name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name, type });
  } while (take(p, /,/));
  return take(p, />/) ? { kind: 'struct', fields } : null;
}

/** Writes a type as the job language does; `parseType` reads it back. */
export function formatType(type: DataType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'list':
      return `list<${formatType(type.item)}>`;
    case 'struct':
      return `struct<${type.fields.map((f) => `${fieldName(f.name)}: ${formatType(f.type)}`).join(', ')}>`;
    default:
      return type.kind;
  }
}

function fieldName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

export function sameType(a: DataType, b: DataType): boolean {
  return formatType(a) === formatType(b);
}
