import type { Json } from '../model/json.ts';
import { sha256 } from './sha256.ts';

/** JSON with the keys of every object in one order: equal values give equal texts. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === 'string')) return JSON.stringify(value);
    return `[${value.map(canonicalJson).join(',')}]`;
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`).join(',')}}`;
}

/** sha256 (hex) of a value's canonical JSON. */
export function hashJson(value: Json): string {
  return sha256(canonicalJson(value));
}
