import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll } from 'vitest';
import { LogView } from '../../../test/delta-log.ts';
import type { SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { destinations } from '../../registry.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-delta-'));
const out = join(folder, 'out');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const delta = await destinations.delta!.load();

/** The tables as their logs alone tell of them: the files that no later line takes out. */
async function select(sql: string): Promise<Record<string, string | null>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run('CREATE SCHEMA raw');
    for (const name of readdirSync(out).filter((n) => sql.includes(`"${n}"`)))
      await connection.run(`CREATE VIEW raw."${name}" AS ${new LogView(join(out, name)).sql()}`);
    if (sql.includes('_quarantine'))
      await connection.run(
        `CREATE VIEW raw._sluice_quarantine AS SELECT * FROM read_parquet('${out}/*/_sluice/quarantine/*.parquet')`,
      );
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
    const text = (value: unknown) =>
      value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value);
    return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, text(value)])));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const system = (more: object = {}): SystemUnderTest => ({
  destination: delta,
  settings: (table) => ({ path: join(out, table), ...more }),
  schema: 'raw',
  select,
});

destinationSuite('delta', () => system());
