import type { Schema } from '../spec/schema.ts';

/** A closed object. */
export function object(
  description: string,
  properties: Readonly<Record<string, Schema>>,
  required: readonly string[] = [],
): Schema {
  return { type: 'object', description, properties, required, additionalProperties: false };
}
