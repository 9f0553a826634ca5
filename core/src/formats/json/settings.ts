import type { JsonObject } from '../../model/json.ts';
import type { Layout } from './records.ts';

export interface JsonSettings {
  /** null: to be found out. */
  layout: Layout | null;
  path: string[];
  /** One of the specs' names; `auto`: to be found out. */
  encoding: string;
}

/** Reads settings that the spec has validated. */
export function readSettings(settings: JsonObject): JsonSettings {
  const { layout, records, encoding } = settings;
  return {
    layout: layout === 'array' || layout === 'ndjson' ? layout : null,
    path: typeof records === 'string' ? records.split('.') : [],
    encoding: typeof encoding === 'string' ? encoding : 'auto',
  };
}
