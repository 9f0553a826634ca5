import type { TypedSettings } from '../model/job.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { canonicalDuration, canonicalSize } from '../model/units.ts';
import type { Schema } from '../spec/schema.ts';

/** What is one length, size or path is one text, however it is written: two files that mean the same are the same job. */
const CANONICAL: Partial<Record<string, (text: string) => string>> = {
  duration: canonicalDuration,
  size: canonicalSize,
  glob: canonicalPath,
  path: canonicalPath,
};

/** Without the `./` that it may begin with; `./` itself stays. A `//` in the middle may be part of a key in a store. */
function canonicalPath(text: string): string {
  return text.replace(/^(?:\.\/+)+(?=[^/])/, '');
}

/** A value with the defaults of its schema where it says nothing. Objects that are not given are not made up. */
export function withDefaults(value: Json, schema: Schema): Json {
  if (typeof value === 'string') return CANONICAL[schema['x-kind'] ?? '']?.(value) ?? value;
  if (Array.isArray(value)) return value.map((item) => (schema.items ? withDefaults(item, schema.items) : item));
  if (value === null || typeof value !== 'object') return value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const inner = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    if (item !== null) result[key] = inner ? withDefaults(item, inner) : item;
  }
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    if (!(key in result) && inner.default !== undefined) result[key] = structuredClone(inner.default) as Json;
  }
  return result;
}

/** A value with a `type` as its type and its settings, with the defaults of that type's schema. */
export function typedSettings(value: Json, types: Readonly<Record<string, Schema>>): TypedSettings {
  const { type, ...own } = value as JsonObject;
  const name = String(type);
  const schema = Object.hasOwn(types, name) ? (types[name] ?? {}) : {};
  return { type: name, settings: withDefaults(own, schema) as JsonObject };
}

/**
 * Settings after references were put in, with texts turned into numbers and booleans where the schema wants those: a
 * port from the environment arrives as text. `wrong` lists the keys whose text is none.
 */
export function settleSettings(
  settings: JsonObject,
  ...schemas: (Schema | undefined)[]
): { settings: JsonObject; wrong: string[] } {
  const result: JsonObject = { ...settings };
  const wrong: string[] = [];
  for (const [key, value] of Object.entries(settings)) {
    const schema = schemas.map((s) => s?.properties?.[key]).find((s) => s !== undefined);
    if (typeof value !== 'string' || !schema) continue;
    const settled = settle(value, schema);
    if (settled === undefined) wrong.push(key);
    else result[key] = settled;
  }
  return { settings: result, wrong };
}

function settle(text: string, schema: Schema): Json | undefined {
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  if (schema.type !== 'integer' && schema.type !== 'number') return text;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) && (schema.type === 'number' || Number.isInteger(value)) ? value : undefined;
}
