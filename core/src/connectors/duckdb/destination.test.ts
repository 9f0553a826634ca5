import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll } from 'vitest';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { duckdb } from './destination.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-duckdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'w.duckdb');

async function select(sql: string): Promise<Record<string, string | null>[]> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
    const text = (value: unknown) =>
      value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value);
    return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, text(value)])));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

destinationSuite('duckdb', () => ({ destination: duckdb, settings: { path }, schema: 'raw', select }));
