import type { DataType } from '../../model/type.ts';
import type { TextColumn } from '../shared/columns.ts';
import type { CsvValue } from '../shared/csv-rows.ts';
import { fromSqliteType } from './types.ts';

/** A column of a statement. */
export interface Declared {
  name: string;
  /** As it is declared; null for an expression. */
  type: string | null;
  /** Its values are whole numbers without exception. */
  exact: boolean;
}

const BINARY: DataType = { kind: 'binary' };
const unhex = (text: string) => `unhex(${text})`;

/** How a column is read; `classes`: the storage classes of an expression's values. */
export function readColumn({ name, type, exact }: Declared, classes: readonly string[]): TextColumn {
  if (exact) return { name, type: { kind: 'bigint' } };
  const guess = type === null ? fromClasses(classes) : fromSqliteType(type);
  if (guess.kind === 'binary') return { name, type: BINARY, read: unhex };
  if (guess.kind === 'text') return { name, type: guess };
  return { name, type: null, guess };
}

function fromClasses(classes: readonly string[]): DataType {
  const all = (...known: string[]) => classes.length > 0 && classes.every((one) => known.includes(one));
  if (all('integer')) return { kind: 'bigint' };
  if (all('integer', 'real')) return { kind: 'double' };
  if (all('blob')) return BINARY;
  return { kind: 'text' };
}

/** Gives the text of a value as SQLite's driver hands it out. */
export function writer(column: TextColumn): (value: unknown) => CsvValue {
  const kind = (column.type ?? column.guess)?.kind;
  if (kind === 'binary') return bytesOf;
  const flag = kind === 'boolean';
  return (value) => {
    if (value === null || value === undefined) return null;
    if (typeof value === 'bigint') return flag && (value === 0n || value === 1n) ? String(value === 1n) : String(value);
    if (typeof value === 'number') return realText(value);
    if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString('hex').toUpperCase()}'`;
    return String(value);
  };
}

function bytesOf(value: unknown): CsvValue {
  if (value === null || value === undefined) return null;
  return value instanceof Uint8Array ? value : Buffer.from(typeof value === 'number' ? realText(value) : String(value));
}

/** As the engine writes it itself: a whole number has a point, an exponent two digits. */
function realText(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const text = String(value);
  if (Number.isInteger(value) && !text.includes('e')) return `${text}.0`;
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
