import type { RawColumn } from '../model/component.ts';
import type { Stream } from '../model/job.ts';
import type { Column, DataType } from '../model/type.ts';
import * as specs from '../specs.ts';

const TEXT: DataType = { kind: 'text' };

/**
 * The source's columns as this stream reads them. Where source and destination speak the same types of their own and no step
 * looks into the rows, a column of such a type travels as its text and keeps its name for it; anywhere else that is left out.
 */
export function nativeColumns(
  stream: Stream,
  columns: readonly RawColumn[],
  table: readonly Column[] | null,
): RawColumn[] {
  const own = specs.sources[stream.source.type]?.capabilities.native;
  const shared = own !== undefined && specs.destinations[stream.destination.type]?.capabilities.native === own;
  const plain = stream.transform.length === 0 && stream.checks.length === 0;
  return columns.map((column) => {
    const { native, ...rest } = column;
    if (native === undefined) return column;
    const rule = stream.columns.find((c) => c.from === column.name);
    const existing = table?.find((c) => c.name === (rule?.name ?? column.name));
    const free = rule?.type == null && rule?.mask == null && stream.incremental.type !== 'window';
    const isCursor = 'column' in stream.incremental && stream.incremental.column === column.name;
    const fits = existing === undefined || existing.native === native;
    return shared && plain && free && !isCursor && fits ? { name: rest.name, type: TEXT, native } : rest;
  });
}

/** The table as columns of one native type on both sides see it: what goes in is the text that came out. */
export function tableFor(
  columns: readonly { name: string; native?: string }[],
  table: readonly Column[] | null,
): readonly Column[] | null {
  const natives = new Map(columns.map((c) => [c.name, c.native]));
  return (
    table?.map((c) => (c.native !== undefined && natives.get(c.name) === c.native ? { ...c, type: TEXT } : c)) ?? null
  );
}

/** Columns with the native names that their planned columns have. */
export function withNatives(
  columns: readonly Column[],
  planned: readonly { name: string; native?: string }[],
): Column[] {
  const natives = new Map(planned.map((c) => [c.name, c.native]));
  return columns.map((column) => {
    const native = natives.get(column.name);
    return native === undefined ? column : { ...column, native };
  });
}
