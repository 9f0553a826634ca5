import type { Json, JsonObject } from '../model/json.ts';
import type { Schema } from '../spec/schema.ts';
import { PARTIAL_SCHEMAS } from './host.ts';
import { jobSchema } from './job-schema.ts';
import { projectSchema } from './project-schema.ts';
import { typesOf } from './scalars.ts';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/**
 * The JSON Schema of job files, for editors and tools that know nothing of Sluice. It accepts what `validate` accepts
 * but for an explicit null, which only means something where things are laid over each other.
 */
export function jobJsonSchema(): JsonObject {
  return document(jobSchema, true);
}

/** The JSON Schema of sluice.yaml. */
export function projectJsonSchema(): JsonObject {
  return document(projectSchema, false);
}

function document(root: Schema, partial: boolean): JsonObject {
  const names = new Map<Schema, string>();
  for (const [schema, { count, key }] of countUses(root)) {
    const isLarge = schema.properties || schema['x-union'] || schema.type === 'array';
    if (count < 2 || !isLarge) continue;
    const taken = new Set(names.values());
    let name = key;
    for (let i = 2; taken.has(name); i++) name = `${key}_${i}`;
    names.set(schema, name);
  }
  const writer = new Writer(names);
  const body = writer.body(root, partial);
  return { $schema: DIALECT, ...body, patternProperties: { '^x-': {} }, ...writer.definitions() };
}

function conditional(test: JsonObject, met: JsonObject, otherwise?: JsonObject): JsonObject {
  const parts: [string, JsonObject][] = [
    ['if', test],
    ['then', met],
  ];
  return Object.fromEntries(otherwise ? [...parts, ['else', otherwise]] : parts);
}

/** How often each schema value stands in the whole, and under which key first. */
function countUses(root: Schema): Map<Schema, { count: number; key: string }> {
  const uses = new Map<Schema, { count: number; key: string }>();
  const visit = (schema: Schema, key: string): void => {
    const known = uses.get(schema);
    if (known) {
      known.count++;
      return;
    }
    uses.set(schema, { count: 1, key });
    for (const [name, inner] of Object.entries(schema.properties ?? {})) visit(inner, name);
    for (const [name, inner] of Object.entries(schema['x-union']?.of ?? {})) visit(inner, `${key}_${name}`);
    if (schema.items) visit(schema.items, `${key}_item`);
    if (typeof schema.additionalProperties === 'object') visit(schema.additionalProperties, `${key}_value`);
  };
  visit(root, 'root');
  return uses;
}

const PLAIN_KEYS = [
  'title',
  'description',
  'default',
  'examples',
  'enum',
  'const',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'required',
  'minProperties',
  'maxProperties',
  'minItems',
  'uniqueItems',
] as const;

/** A text that is a reference where another type is wanted. */
const REFERENCE = { type: 'string', pattern: '\\$\\{' };

class Writer {
  readonly #names: ReadonlyMap<Schema, string>;
  readonly #definitions = new Map<string, JsonObject>();

  constructor(names: ReadonlyMap<Schema, string>) {
    this.#names = names;
  }

  definitions(): JsonObject {
    const sorted = [...this.#definitions].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.length > 0 ? { $defs: Object.fromEntries(sorted) } : {};
  }

  /** `partial`: keys may come from what this is laid over, so that none is required, as in the walk. */
  write(schema: Schema, outer: boolean): JsonObject {
    const partial = outer || PARTIAL_SCHEMAS.has(schema);
    const base = this.#names.get(schema);
    if (base === undefined) return this.body(schema, partial);
    const name = partial ? `${base}_partial` : base;
    if (!this.#definitions.has(name)) {
      this.#definitions.set(name, {});
      this.#definitions.set(name, this.body(schema, partial));
    }
    return { $ref: `#/$defs/${name}` };
  }

  body(schema: Schema, partial: boolean): JsonObject {
    const shorthand = schema['x-shorthand'];
    if (schema['x-step']) return this.#step(schema);
    if (shorthand === undefined) return this.#plain(schema, partial);
    const { title, description, ...long } = this.#plain(schema, partial);
    const short = shorthand === '' ? schema.items : schema.properties?.[shorthand];
    const texts = { ...(title === undefined ? {} : { title }), ...(description === undefined ? {} : { description }) };
    const type = shorthand === '' ? 'array' : 'object';
    return { ...texts, ...conditional({ type }, long, short ? this.write(short, partial) : {}) };
  }

  #plain(schema: Schema, partial: boolean): JsonObject {
    const result: JsonObject = {};
    for (const key of PLAIN_KEYS) {
      const value = schema[key];
      if (value === undefined || (key === 'required' && schema.required?.length === 0)) continue;
      if (!(partial && (key === 'required' || key === 'minProperties'))) result[key] = value as Json;
    }
    if (partial && schema === jobSchema) result.required = ['name'];
    if (schema['x-enum-text']) result.markdownEnumDescriptions = [...schema['x-enum-text']];
    if (schema['x-union']) return { ...result, ...this.#union(schema, partial) };
    Object.assign(result, scalarType(schema));
    if (schema.properties) {
      result.properties = Object.fromEntries(
        Object.entries(schema.properties).map(([key, inner]) => [key, this.write(inner, partial)]),
      );
    }
    const others = schema.additionalProperties;
    if (others !== undefined)
      result.additionalProperties = typeof others === 'object' ? this.write(others, partial) : others;
    if (schema.items) result.items = this.write(schema.items, false);
    return result;
  }

  /** Objects told apart by a constant: one condition for each, so that a fault is reported for the right one alone. */
  #union(schema: Schema, partial: boolean): JsonObject {
    const { key, of } = schema['x-union']!;
    const types = Object.keys(of);
    const cases = types.map((type) => {
      const variant = of[type]!;
      const own = { ...variant, properties: { [key]: { const: type }, ...variant.properties } };
      return conditional({ properties: { [key]: { const: type } }, required: [key] }, this.#plain(own, partial));
    });
    const texts = types.map((type) => of[type]?.description ?? of[type]?.title ?? type);
    return {
      type: 'object',
      properties: { [key]: { type: 'string', enum: types, markdownEnumDescriptions: texts } },
      ...(cases.length > 0 ? { allOf: cases } : {}),
    };
  }

  #step(schema: Schema): JsonObject {
    const bare = Object.entries(schema.properties ?? {}).filter(
      ([, inner]) => inner.type !== 'string' && (inner.required ?? []).length === 0,
    );
    const object = { ...this.#plain(schema, false), minProperties: 1, maxProperties: 1 };
    return conditional({ type: 'string' }, { enum: bare.map(([key]) => key) }, object);
  }
}

/** Free text keeps what looks like a number; numbers may be references. */
function scalarType(schema: Schema): JsonObject {
  const types = typesOf(schema);
  const [type] = types;
  if (types.length !== 1 || type === undefined) return schema.type === undefined ? {} : { type: [...types] };
  const kind = schema['x-kind'];
  const free = kind === undefined || kind === 'source-column' || kind === 'new-column';
  if (type === 'string' && !schema.enum && schema.pattern === undefined && free) {
    return { type: ['string', 'number', 'boolean'] };
  }
  if ((type === 'integer' || type === 'number' || type === 'boolean') && !schema.enum) {
    return { type: [type, 'string'], ...conditional({ type: 'string' }, REFERENCE) };
  }
  return { type };
}
