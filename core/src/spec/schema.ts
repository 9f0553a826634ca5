/**
 * Settings schemas: plain JSON Schema (draft 2020-12) values whose TypeScript type is inferred from them. The same value
 * validates, completes, documents and types a component's settings.
 */
export interface Schema {
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array' | 'null' | readonly string[];
  title?: string;
  description?: string;
  default?: unknown;
  examples?: readonly unknown[];
  enum?: readonly (string | number)[];
  /** One line of text for each value of `enum`, in its order. */
  'x-enum-text'?: readonly string[];
  const?: string | number | boolean;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: boolean | Schema;
  minProperties?: number;
  maxProperties?: number;
  items?: Schema;
  minItems?: number;
  uniqueItems?: boolean;
  /** What a text means beyond being text: decides YAML traps, completion, hover and further checks. */
  'x-kind'?: TextKind;
  /**
   * A shorthand: the value may also be written as a scalar (or list) that stands for `{[x-shorthand]: value}`, or, with
   * `''`, for the value itself as the one form that rules see.
   */
  'x-shorthand'?: string;
  /** Other tools' words for keys of this object → our key, for the quick fix. */
  'x-synonyms'?: Readonly<Record<string, string>>;
  /** Other tools' words for values of this enum → our value. */
  'x-value-synonyms'?: Readonly<Record<string, string>>;
  /** The object is told apart by the constant value of this key; value → the closed object schema. */
  'x-union'?: { key: string; of: Readonly<Record<string, Schema>> };
  /** The object has exactly one of its properties (a step). */
  'x-step'?: boolean;
}

export type TextKind =
  | 'sql-expression'
  | 'sql-query'
  | 'sql-order'
  | 'cron'
  | 'timezone'
  | 'glob'
  | 'path'
  | 'duration'
  | 'size'
  | 'type'
  | 'strftime'
  | 'regex'
  /** A column as the step sees it. */
  | 'column'
  /** A column by its name in the source. */
  | 'source-column'
  /** The name that a column gets. */
  | 'new-column'
  | 'secret'
  | 'connection'
  | 'job'
  | 'channel'
  | 'url'
  | 'timestamp';

type Simplify<T> = { [K in keyof T]: T[K] } & {};

/** The TypeScript type of the values that a schema accepts, after defaults and shorthands. */
export type Infer<S> = S extends { const: infer C }
  ? C
  : S extends { enum: readonly (infer E)[] }
    ? E
    : S extends { type: 'string' }
      ? string
      : S extends { type: 'integer' | 'number' }
        ? number
        : S extends { type: 'boolean' }
          ? boolean
          : S extends { type: 'array'; items: infer I }
            ? Infer<I>[]
            : S extends { type: 'object'; properties: infer P }
              ? Simplify<
                  { [K in keyof P as K extends RequiredKeys<S> ? K : never]: Infer<P[K]> } & {
                    [K in keyof P as K extends RequiredKeys<S> ? never : K]?: Infer<P[K]>;
                  }
                >
              : unknown;

type RequiredKeys<S> =
  | (S extends { required: readonly (infer R)[] } ? R : never)
  | (S extends { properties: infer P } ? DefaultedKeys<P> : never);
type DefaultedKeys<P> = {
  [K in keyof P]: P[K] extends { default: string | number | boolean | readonly unknown[] } ? K : never;
}[keyof P];

/** The keys of an object whose values are secrets. */
export function secretKeys(schema: Schema | undefined): string[] {
  const properties = Object.entries(schema?.properties ?? {});
  return properties.flatMap(([key, inner]) => (inner['x-kind'] === 'secret' ? [key] : []));
}

/** Declares a schema: checks that it is one and keeps its literal type for `Infer`. */
export function schema<const S extends Schema>(value: S): S {
  return value;
}
