import { canonicalJson } from '../compile/canonical.ts';
import { isJsonObject, type Json, type JsonObject } from '../model/json.ts';
import type { FieldChange } from './types.ts';

/** A value and the same value as it may be shown: of the same shape, without secrets. */
export interface Shown<T extends Json = Json> {
  value: T;
  shown: Json;
}

/** The fields in which two values differ. Lists of named entries are compared by name, so that one more entry is one change. */
export function fieldChanges(old: Shown, now: Shown, path = ''): FieldChange[] {
  if (canonicalJson(old.value) === canonicalJson(now.value)) return [];
  if (isJsonObject(old.value) && isJsonObject(now.value)) return byKey(old, now, path);
  const [before, after] = [named(old), named(now)];
  if (!before || !after) return [{ path, old: old.shown, new: now.shown }];
  const found = byKey(before, after, path);
  if (found.length > 0) return found;
  // The same entries in another order.
  return [{ path, old: Object.keys(before.value), new: Object.keys(after.value) }];
}

function byKey(old: Shown, now: Shown, path: string): FieldChange[] {
  const keys = [...new Set([...keysOf(old.value), ...keysOf(now.value)])].sort();
  return keys.flatMap((key) => {
    const at = path === '' ? key : `${path}.${key}`;
    return fieldChanges(inside(old, key), inside(now, key), at);
  });
}

function keysOf(value: Json): string[] {
  return isJsonObject(value) ? Object.keys(value) : [];
}

function inside({ value, shown }: Shown, key: string): Shown {
  return { value: own(value, key), shown: own(shown, key) };
}

function own(value: Json, key: string): Json {
  return isJsonObject(value) && Object.hasOwn(value, key) ? (value[key] ?? null) : null;
}

/** Entries by their names; null where one has none, or two have the same. */
function named({ value, shown }: Shown): Shown<JsonObject> | null {
  if (!Array.isArray(value) || !Array.isArray(shown) || value.length === 0) return null;
  const entries: [string, Json][] = [];
  for (const entry of value) {
    if (!isJsonObject(entry) || typeof entry.name !== 'string') return null;
    entries.push([entry.name, entry]);
  }
  const names = entries.map(([name]) => name);
  if (new Set(names).size < names.length) return null;
  const visible = shown.map((entry, i): [string, Json] => [names[i] ?? '', entry]);
  return { value: Object.fromEntries(entries), shown: Object.fromEntries(visible) };
}
