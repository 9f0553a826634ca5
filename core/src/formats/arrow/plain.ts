import { finiteSql } from '../../model/finite-sql.ts';
import { typedColumn } from '../../model/json-sql.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column, DataType } from '../../model/type.ts';

/** A value as the engine hands it over for `plainColumns`. */
export type Plain = string | number | bigint | boolean | Uint8Array | null;

/**
 * Columns as values that the engine hands over without loss: days and microseconds as whole numbers, decimals, json and uuid as
 * text, and what is nested as JSON whose scalars are texts.
 */
export function plainColumns(columns: readonly Column[]): string {
  return columns
    .map(({ name, type }, i) => {
      const value = typedColumn(name, type);
      const plain = isNested(type) ? `CAST(to_json(${inside(value, type, i, 0)}) AS VARCHAR)` : scalar(value, type, i);
      return `${plain} AS ${ident(`c${i}`)}`;
    })
    .join(', ');
}

export function isNested(type: DataType): type is Extract<DataType, { kind: 'list' | 'struct' }> {
  return type.kind === 'list' || type.kind === 'struct';
}

function scalar(value: string, type: DataType, index: number): string {
  const finite = finiteSql(value, type, index);
  if (type.kind === 'date') return `CAST(${finite} - DATE '1970-01-01' AS INTEGER)`;
  if (type.kind === 'timestamp' || type.kind === 'timestamptz') return `epoch_us(${finite})`;
  if (type.kind === 'time') return `epoch_us(${value})`;
  return type.kind === 'decimal' || type.kind === 'json' || type.kind === 'uuid' ? `CAST(${value} AS VARCHAR)` : value;
}

/** A value inside of another: a list of texts or of such lists, a struct by the numbers of its fields. */
function inside(value: string, type: DataType, index: number, depth: number): string {
  if (type.kind === 'list') {
    const item = `x${depth}`;
    return `list_transform(${value}, lambda ${item}: ${inside(item, type.item, index, depth + 1)})`;
  }
  if (type.kind === 'struct') {
    const fields = type.fields.map(
      (field, i) =>
        `${ident(`f${i}`)} := ${inside(`struct_extract(${value}, ${literal(field.name)})`, field.type, index, depth)}`,
    );
    return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`;
  }
  return type.kind === 'binary' ? `hex(${value})` : `CAST(${scalar(value, type, index)} AS VARCHAR)`;
}
