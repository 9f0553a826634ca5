import { toDuckType } from '../model/duck.ts';
import { SluiceError } from '../model/error.ts';
import type { CheckStep } from '../model/job.ts';
import { literal } from '../model/sql.ts';
import { type Column, type DataType, formatType } from '../model/type.ts';

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const INSTANT = /^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;
const CLOCK = /^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?$/;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/**
 * A setting's text as an SQL value that a column of this type can be compared with. Throws `check/type` for a column whose
 * type has no such values, and `check/value` for a text that is none of its values.
 */
export function valueSql(step: CheckStep, column: Column, text: string): string {
  const { kind } = column.type;
  if (kind === 'text') return literal(text);
  const written = text.trim();
  if (!isValue(column.type, written)) {
    if (!COMPARED.has(kind)) throw unfit(step, column, 'a plain type');
    throw new SluiceError('check/value', 'config', `${step.type}: ${text} is no ${formatType(column.type)}`, {
      where: { column: column.name },
      hint: `Write a value of the column's type, or declare another type for ${column.name}`,
    });
  }
  // A number is compared as it is written: a cast to the column's type would round it.
  return NUMBERS.has(kind) ? written : `CAST(${literal(written)} AS ${toDuckType(column.type)})`;
}

/** The error of a check that cannot look at a column of this type; `wanted` names those that it can. */
export function unfit(step: CheckStep, column: Column, wanted: string): SluiceError {
  const what = `${step.type}: column ${column.name} is ${formatType(column.type)}, and the check wants ${wanted}`;
  return new SluiceError('check/type', 'config', what, {
    where: { column: column.name },
    hint: 'Declare the type under `columns`, or derive a column that has it',
  });
}

const NUMBERS: ReadonlySet<DataType['kind']> = new Set(['int', 'bigint', 'decimal', 'double']);
const COMPARED: ReadonlySet<DataType['kind']> = new Set([
  ...NUMBERS,
  'boolean',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
]);

function isValue(type: DataType, text: string): boolean {
  switch (type.kind) {
    case 'int':
    case 'bigint':
    case 'decimal':
    case 'double':
      return NUMBER.test(text);
    case 'boolean':
      return text === 'true' || text === 'false';
    case 'date':
      return DAY.test(text) && isDay(text);
    case 'time':
      return CLOCK.test(text);
    case 'timestamp':
    case 'timestamptz':
      return isInstant(text, type.kind);
    case 'uuid':
      return UUID.test(text);
    default:
      return false;
  }
}

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function isInstant(text: string, kind: 'timestamp' | 'timestamptz'): boolean {
  const match = INSTANT.exec(text);
  if (!match?.[1] || !isDay(match[1])) return false;
  const clock = text.slice(11).replace(/(?:Z|[+-]\d{2}:?\d{2})$/, '');
  return (clock === '' || CLOCK.test(clock)) && (kind === 'timestamptz' || match[2] === undefined);
}
