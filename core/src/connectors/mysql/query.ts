import type { FieldPacket } from 'mysql2/promise';
import { SluiceError } from '../../model/error.ts';
import type { Column, DataType } from '../../model/type.ts';
import { queryFailed } from '../shared/errors.ts';
import type { MyDb } from './connection.ts';

type Cell = string | number | boolean | null;

/** Runs one query in a read-only transaction. `known`: columns of the stream's table, whose types say more than the server's. */
export async function queryReadOnly(
  db: MyDb,
  sql: string,
  known: { table: string; columns: readonly Column[] },
): Promise<{ columns: Column[]; rows: Cell[][] }> {
  await db.run('START TRANSACTION READ ONLY');
  try {
    const { rows, fields } = await db.table(sql);
    if (!Array.isArray(fields)) throw new Error('One query that gives rows is expected.');
    const columns = fields.map((field) => ({ name: field.name, type: typeOf(field, known) }));
    return { columns, rows: rows.map((row) => row.map((value, i) => toCell(value, columns[i]?.type))) };
  } catch (error) {
    if (error instanceof SluiceError && error.code === 'destination/connection-lost') throw error;
    throw queryFailed(error);
  } finally {
    await db.run('ROLLBACK').catch(() => undefined);
  }
}

const BINARY = 63;
/** Types of the protocol by their numbers. */
const KINDS: Record<number, DataType['kind']> = {
  1: 'int',
  2: 'int',
  3: 'int',
  4: 'double',
  5: 'double',
  7: 'timestamp',
  8: 'bigint',
  9: 'int',
  10: 'date',
  11: 'time',
  12: 'timestamp',
  13: 'int',
};
const DECIMAL = 246;

function typeOf(field: FieldPacket, known: { table: string; columns: readonly Column[] }): DataType {
  const own = field.orgTable === known.table ? known.columns.find((c) => c.name === field.orgName) : undefined;
  if (own) return own.type;
  const type = field.columnType ?? 0;
  if (type === 1 && field.columnLength === 1) return { kind: 'boolean' };
  if (type === DECIMAL) return { kind: 'decimal', precision: 38, scale: Math.min(field.decimals ?? 0, 38) };
  const kind = KINDS[type];
  if (kind) return { kind } as DataType;
  const charset = (field as { characterSet?: number }).characterSet;
  return charset === BINARY ? { kind: 'binary' } : { kind: 'text' };
}

function toCell(value: string | Buffer | null, type: DataType | undefined): Cell {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return type?.kind === 'binary' ? `\\x${value.toString('hex')}` : value.toString('utf8');
  switch (type?.kind) {
    case 'boolean':
      return value === '1' ? true : value === '0' ? false : value;
    case 'int':
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    case 'double':
      return Number(value);
    case 'timestamp':
      return shortFraction(value.replace(' ', 'T'));
    case 'timestamptz':
      return `${shortFraction(value.replace(' ', 'T'))}Z`;
    default:
      return value;
  }
}

function shortFraction(text: string): string {
  return text.replace(/(\.\d*?)0+$/, (_, digits: string) => (digits === '.' ? '' : digits));
}
