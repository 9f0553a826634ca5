import { toDuckType } from '../../model/duck.ts';
import { ident } from '../../model/sql.ts';
import { type Column, type DataType, sameType } from '../../model/type.ts';
import { ALWAYS, type Guard, tryCast } from './guard.ts';

const NUMBERS: ReadonlySet<string> = new Set(['boolean', 'int', 'bigint', 'decimal', 'double']);
const MOMENTS: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz']);

/**
 * The guard of a typed value under another type, or null where the pair has none. A value is kept when casting it back
 * gives the same value. Timestamps without a zone are taken as UTC.
 */
export function typedGuard(expr: string, from: DataType, to: DataType): Guard | null {
  if (sameType(from, to)) return { ok: ALWAYS, value: expr };
  if (to.kind === 'text') return asText(expr, from);
  if (to.kind === 'json') return { ok: ALWAYS, value: `to_json(${expr})` };
  if (NUMBERS.has(from.kind) && NUMBERS.has(to.kind)) return thereAndBack(expr, from, to);
  if (MOMENTS.has(from.kind) && MOMENTS.has(to.kind)) return thereAndBack(expr, from, to);
  if (from.kind === 'list' && to.kind === 'list') return listToList(expr, from.item, to.item);
  if (from.kind === 'struct' && to.kind === 'struct') return structToStruct(expr, from.fields, to.fields);
  return null;
}

function thereAndBack(expr: string, from: DataType, to: DataType): Guard {
  const value = tryCast(expr, toDuckType(to));
  return { ok: `${tryCast(value, toDuckType(from))} = (${expr})`, value };
}

function asText(expr: string, from: DataType): Guard {
  // Bytes that are no text cannot become one; the engine's cast would write escapes instead.
  if (from.kind === 'binary') return { ok: `TRY(decode(${expr})) IS NOT NULL`, value: `TRY(decode(${expr}))` };
  if (from.kind === 'list' || from.kind === 'struct') return { ok: ALWAYS, value: `to_json(${expr})::VARCHAR` };
  return { ok: ALWAYS, value: `(${expr})::VARCHAR` };
}

function listToList(expr: string, from: DataType, to: DataType): Guard | null {
  const variable = `v${depthOf(from)}`;
  const inner = typedGuard(variable, from, to);
  if (!inner) return null;
  const bad = `${variable} IS NOT NULL AND NOT coalesce(${inner.ok}, false)`;
  return {
    ok: `len(list_filter(${expr}, lambda ${variable}: ${bad})) = 0`,
    value: `list_transform(${expr}, lambda ${variable}: ${inner.value})`,
  };
}

/** Fields are matched by name; what the new type has no field for must be NULL. */
function structToStruct(expr: string, from: readonly Column[], to: readonly Column[]): Guard | null {
  const tests: string[] = [];
  const parts: string[] = [];
  for (const field of to) {
    const source = from.find((candidate) => candidate.name === field.name);
    if (!source) {
      parts.push(`${ident(field.name)} := NULL`);
      continue;
    }
    const value = `struct_extract(${expr}, '${field.name.replaceAll("'", "''")}')`;
    const inner = typedGuard(value, source.type, field.type);
    if (!inner) return null;
    tests.push(`(${value} IS NULL OR coalesce(${inner.ok}, false))`);
    parts.push(`${ident(field.name)} := ${inner.value}`);
  }
  for (const field of from) {
    if (to.some((candidate) => candidate.name === field.name)) continue;
    tests.push(`struct_extract(${expr}, '${field.name.replaceAll("'", "''")}') IS NULL`);
  }
  const type = toDuckType({ kind: 'struct', fields: [...to] });
  return {
    ok: tests.length > 0 ? `(${tests.join(' AND ')})` : ALWAYS,
    value: `struct_pack(${parts.join(', ')})::${type}`,
  };
}

function depthOf(type: DataType): number {
  if (type.kind === 'list') return 1 + depthOf(type.item);
  if (type.kind === 'struct') return 1 + Math.max(0, ...type.fields.map((field) => depthOf(field.type)));
  return 0;
}
