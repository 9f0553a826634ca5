import type { Spec } from '../src/model/component.ts';
import { isJsonObject, type Json, type JsonObject } from '../src/model/json.ts';
import type { Schema } from '../src/spec/schema.ts';
import type { Node } from '../src/text/node.ts';
import { parseDocument } from '../src/text/parse.ts';

/** Settings of a step by each example of its spec, after shorthands. Throws where an example is no step of that type. */
export function exampleSettings(spec: Spec): { yaml: string; settings: JsonObject }[] {
  return spec.examples.map((yaml) => {
    const { root, diagnostics } = parseDocument(yaml, 'example.yaml');
    if (diagnostics.length > 0 || root === null) throw new Error(`${spec.type}: ${diagnostics[0]?.message}`);
    const step = toJson(root);
    if (!isJsonObject(step) || Object.keys(step).join() !== spec.type)
      throw new Error(`${spec.type}: not a step: ${yaml}`);
    return { yaml, settings: settle(step[spec.type] ?? null, spec.settings, spec.type) as JsonObject };
  });
}

function toJson(node: Node): Json {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toJson);
  return Object.fromEntries(node.entries.map((entry) => [String(entry.key.value), toJson(entry.value)]));
}

/** Puts a value into the shape that its schema describes, and throws where it does not fit. */
function settle(value: Json, schema: Schema, path: string): Json {
  const shorthand = schema['x-shorthand'];
  if (shorthand === '' && !Array.isArray(value)) return settle([value], schema, path);
  if (shorthand && !isJsonObject(value)) return settle({ [shorthand]: value }, schema, path);
  if (schema.type === 'object') return settleObject(value, schema, path);
  if (schema.type === 'array') {
    if (!Array.isArray(value) || value.length < (schema.minItems ?? 0)) throw new Error(`${path}: not a list`);
    return value.map((item, i) => settle(item, schema.items ?? {}, `${path}/${i}`));
  }
  if (schema.enum && !schema.enum.includes(value as string)) throw new Error(`${path}: not one of ${schema.enum}`);
  if (schema.type === 'string' && typeof value === 'number') return String(value);
  const type = schema.type === 'integer' ? 'number' : schema.type;
  if (typeof type === 'string' && typeof value !== type) throw new Error(`${path}: not a ${type}`);
  return value;
}

function settleObject(value: Json, schema: Schema, path: string): Json {
  if (!isJsonObject(value)) throw new Error(`${path}: not a mapping`);
  const missing = (schema.required ?? []).filter((key) => !(key in value));
  if (missing.length > 0) throw new Error(`${path}: ${missing} missing`);
  const settled: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    const property = schema.properties?.[key];
    if (!property) throw new Error(`${path}: unknown key ${key}`);
    settled[key] = settle(item, property, `${path}/${key}`);
  }
  return settled;
}

/** All schemas of settings that hold user SQL, with a value of the settings in which only they are filled. */
export function sqlPlaces(schema: Schema, sentinel: () => string): { value: Json; places: number } {
  if (schema['x-kind']?.startsWith('sql-')) return { value: sentinel(), places: 1 };
  if (schema.type === 'array') {
    const item = sqlPlaces(schema.items ?? {}, sentinel);
    return { value: [item.value], places: item.places };
  }
  if (schema.type === 'object') {
    let places = 0;
    const value: JsonObject = {};
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      const found = sqlPlaces(property, sentinel);
      places += found.places;
      value[key] = found.value;
    }
    return { value, places };
  }
  return { value: schema.enum?.[0] ?? (schema.type === 'integer' || schema.type === 'number' ? 1 : 'x'), places: 0 };
}

/** Every schema of a settings schema, the settings themselves left out. */
export function innerSchemas(schema: Schema, path = ''): { path: string; schema: Schema }[] {
  const found: { path: string; schema: Schema }[] = [];
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    found.push({ path: `${path}/${key}`, schema: property }, ...innerSchemas(property, `${path}/${key}`));
  }
  if (schema.items) found.push({ path: `${path}/*`, schema: schema.items }, ...innerSchemas(schema.items, `${path}/*`));
  return found;
}
