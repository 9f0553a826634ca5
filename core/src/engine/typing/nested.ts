import { toDuckType } from '../../model/duck.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column, DataType } from '../../model/type.ts';
import { ALWAYS, type CastRule, type Guard, type GuardedCast, guarded } from './guard.ts';

/** Reads a text under a type; handed in, because texts may in turn hold JSON. */
export type ReadText = (expr: string, rule: CastRule) => GuardedCast;

/**
 * The guard of JSON (a text or a value of type json) under any type: a list takes an array, a struct an object without
 * keys of its own, a scalar the text of a JSON scalar.
 */
export function jsonGuard(expr: string, rule: CastRule, readText: ReadText): Guard {
  const type = rule.type;
  if (type.kind === 'json') return { ok: isJson(expr), value: `try_cast(${expr} AS JSON)` };
  if (type.kind === 'text') return { ok: ALWAYS, value: jsonText(expr) };
  if (type.kind === 'list' || type.kind === 'struct') {
    const json = `try_cast(${expr} AS JSON)`;
    const inner = element(json, type, { rule, readText, depth: 0 });
    return { ok: `(${isJson(expr)} AND ${exactNumbers(expr)} AND NOT ${inner.bad})`, value: inner.value };
  }
  const inner = readText(jsonText(expr), { ...rule, type });
  return { ok: `NOT ${inner.bad}`, value: inner.value };
}

function jsonText(expr: string): string {
  return `(CASE json_type(${expr}) WHEN 'NULL' THEN NULL WHEN 'VARCHAR' THEN (${expr}) ->> '$' ELSE (${expr})::VARCHAR END)`;
}

/** Valid by the standard: the engine's parser also takes NaN and Infinity. */
function isJson(expr: string): string {
  const strange = `regexp_matches(${expr}, '(?i)nan|inf') AND regexp_matches(${withoutStrings(expr)}, '(?i)nan|inf')`;
  return `(json_valid(${expr}) AND NOT (${strange}))`;
}

/** The engine reads fractions through double: one of more than 15 digits would change silently. */
function exactNumbers(expr: string): string {
  const long = '[0-9.]{17,}';
  return `NOT (regexp_matches(${expr}, '${long}') AND regexp_matches(${withoutStrings(expr)}, '[0-9]+[.][0-9]+|[0-9]{19,}') AND regexp_matches(${withoutStrings(expr)}, '${long}'))`;
}

function withoutStrings(expr: string): string {
  return `regexp_replace((${expr})::VARCHAR, '"(?:[^"\\\\]|\\\\.)*"', '', 'g')`;
}

interface Nesting {
  rule: CastRule;
  readText: ReadText;
  /** Tells the variables of lambdas inside lambdas apart. */
  depth: number;
}

function element(json: string, type: DataType, nesting: Nesting): GuardedCast {
  if (type.kind === 'list') return listOf(json, type.item, nesting);
  if (type.kind === 'struct') return structOf(json, type.fields, nesting);
  if (type.kind === 'json') return guarded(json, { ok: ALWAYS, value: json }, null);
  return nesting.readText(jsonText(json), { ...nesting.rule, type, scale: null, inferred: false });
}

function listOf(json: string, item: DataType, nesting: Nesting): GuardedCast {
  const variable = `e${nesting.depth}`;
  const inner = element(variable, item, { ...nesting, depth: nesting.depth + 1 });
  const items = `json_extract(${json}, '$[*]')`;
  const bad = `len(list_filter(${items}, lambda ${variable}: ${inner.bad})) > 0`;
  const value = `list_transform(${items}, lambda ${variable}: ${inner.value})`;
  return guarded(json, { ok: `(json_type(${json}) = 'ARRAY' AND NOT (${bad}))`, value }, `json_type(${json}) = 'NULL'`);
}

function structOf(json: string, fields: readonly Column[], nesting: Nesting): GuardedCast {
  const key = `k${nesting.depth}`;
  const parts = fields.map((field) => {
    const path = literal(`$."${field.name.replaceAll('"', '\\"')}"`);
    return { name: field.name, cast: element(`json_extract(${json}, ${path})`, field.type, nesting) };
  });
  const known = fields.map((field) => literal(field.name)).join(', ');
  const extra = `len(list_filter(json_keys(${json}), lambda ${key}: ${key} NOT IN (${known}))) > 0`;
  const bad = parts.map((part) => part.cast.bad).join(' OR ');
  const packed = parts.map((part) => `${ident(part.name)} := ${part.cast.value}`).join(', ');
  const value = `struct_pack(${packed})::${toDuckType({ kind: 'struct', fields: [...fields] })}`;
  const ok = `(json_type(${json}) = 'OBJECT' AND NOT (${extra}) AND NOT (${bad}))`;
  return guarded(json, { ok, value }, `json_type(${json}) = 'NULL'`);
}
