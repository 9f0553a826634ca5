import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { askDoor } from './door.ts';

export interface TestDatabase {
  /** Connection URL of a database that nobody else uses. */
  url: string;
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  /** Runs SQL in a connection of its own; values arrive as Postgres prints them. */
  query(sql: string): Promise<Record<string, string | null>[]>;
  drop(): Promise<void>;
}

/** Makes a database in the test run's Postgres (or in SLUICE_TEST_POSTGRES or DATABASE_URL). Drop it in `afterAll`. */
export async function testDatabase(): Promise<TestDatabase> {
  const admin = await askDoor(inject('postgresDoor'));
  const database = `sluice_test_${randomBytes(6).toString('hex')}`;
  await patiently(admin, `CREATE DATABASE ${database}`);
  const url = new URL(admin);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    host: url.hostname,
    port: Number(url.port || 5432),
    database,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    query: (sql) => query(url.href, sql),
    drop: async () => {
      await patiently(admin, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    },
  };
}

/** Makes or drops a database: the server gives up after five seconds where a backend of its own is slow to leave (55006). */
async function patiently(admin: string, sql: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await query(admin, sql);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '55006' || tries === 10) throw error;
    }
  }
}

async function query(url: string, sql: string): Promise<Record<string, string | null>[]> {
  const client = new pg.Client({ connectionString: url, types: { getTypeParser: () => (value: string) => value } });
  // What breaks while a statement runs is told by that; a server that goes away afterwards is no failure.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const result = await client.query<Record<string, string | null>>(sql);
    return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
  } finally {
    await client.end();
  }
}
