import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { JsonObject } from '../src/model/json.ts';

/** Where `.ci/run` puts its Python environment. */
export const python =
  process.env.SLUICE_DELTALAKE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice-ci', 'delta', 'bin', 'python');
const script = fileURLToPath(new URL('delta.py', import.meta.url));

/** Why tests against another program's Delta tables are left out; null where they can run, or have to. */
export const noDeltalake = existsSync(python) || process.env.SLUICE_REQUIRE_SERVICES ? null : 'no deltalake here';

/** A table as the `deltalake` package reads it; whole numbers and decimals are texts. */
export interface PythonTable {
  version: number;
  reader: number;
  writer: number;
  partitions: string[];
  files: number;
  schema: Record<string, string>;
  rows: JsonObject[];
}

async function run<T>(...args: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(python, [script, ...args], { maxBuffer: 1 << 28 });
  return JSON.parse(stdout) as T;
}

export function readWithPython(uri: string, storage?: Record<string, string>): Promise<PythonTable> {
  return run('read', uri, ...(storage ? [JSON.stringify(storage)] : []));
}

/** Writes the tables of `delta.py` into a folder; what each holds, by its name. */
export function makeWithPython(
  folder: string,
): Promise<Record<string, PythonTable> & { vectors: { count: number; sum: string; own: number } }> {
  return run('make', folder);
}

/** Rows of a table and the sum of their ids, by the package's own query engine. */
export function countWithPython(path: string): Promise<{ count: number; sum: string }> {
  return run('count', path);
}

/** Has the package remove the files that the table's newest version does not name. */
export async function vacuumWithPython(path: string): Promise<void> {
  await run('vacuum', path);
}

/** Writes one of the small tables of `delta.py`. */
export async function writeWithPython(name: string, path: string): Promise<void> {
  await run('write', name, path);
}

/** JSON whose numbers become texts, with every digit. */
export function exact(json: string): unknown {
  const number = /("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;
  return JSON.parse(json.replaceAll(number, (_, text, digits) => text ?? `"${digits}"`));
}

/** One spelling of every value, whoever wrote it: numbers as texts, times without zeros at their end. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') return value;
  if (/^-?\d+(\.\d+)?$/.test(value))
    return value
      .replace(/(\.\d*?)0+$/, '$1')
      .replace(/\.$/, '')
      .replace(/^-0$/, '0');
  if (!/^\d{4}-\d\d-\d\dT/.test(value)) return value;
  return value
    .replace(/(\+00:00|Z)$/, 'Z')
    .replace(/\.(\d*?)0+(Z?)$/, (_, digits, zone) => (digits === '' ? zone : `.${digits}${zone}`));
}
