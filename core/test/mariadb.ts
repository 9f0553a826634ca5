import { randomBytes } from 'node:crypto';
import { createConnection } from 'mysql2/promise';
import { inject } from 'vitest';
import { askDoor } from './door.ts';
import { hasMariaDb } from './mariadb-server.ts';

export interface TestMariaDb {
  /** Connection URL of a database that nobody else uses. */
  url: string;
  /** Runs statements in a connection of their own; values arrive as the server prints them, of the last statement. */
  query(sql: string): Promise<Record<string, string | null>[]>;
  drop(): Promise<void>;
}

/** Why tests with MariaDB cannot run here, for the titles of those that are skipped; null: they can, or have to. */
export const noMariaDb: string | null =
  process.env.SLUICE_REQUIRE_SERVICES || process.env.SLUICE_TEST_MARIADB || hasMariaDb()
    ? null
    : 'needs a MariaDB server (Debian: mariadb-server)';

/** Makes a database in the test run's MariaDB (or in SLUICE_TEST_MARIADB). Drop it in `afterAll`. */
export async function testMariaDb(): Promise<TestMariaDb> {
  const admin = await askDoor(inject('mariadbDoor'));
  const database = `sluice_test_${randomBytes(6).toString('hex')}`;
  await query(admin, `CREATE DATABASE ${database}`);
  const url = new URL(admin);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    query: (sql) => query(url.href, sql),
    drop: async () => {
      await query(admin, `DROP DATABASE IF EXISTS ${database}`);
    },
  };
}

async function query(url: string, sql: string): Promise<Record<string, string | null>[]> {
  const connection = await createConnection({
    uri: url,
    multipleStatements: true,
    typeCast: (field, next) =>
      field.type.endsWith('BLOB') && field.string === undefined ? next() : field.string('utf8'),
  });
  try {
    await connection.query(
      `SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT', time_zone = '+00:00'`,
    );
    const [rows] = await connection.query(sql);
    const last = Array.isArray(rows) && Array.isArray(rows.at(-1)) ? rows.at(-1) : rows;
    return (Array.isArray(last) ? last : []) as Record<string, string | null>[];
  } finally {
    await connection.end();
  }
}
