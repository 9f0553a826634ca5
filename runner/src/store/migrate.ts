import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '@sluice/core';
import pg from 'pg';
import { connectionConfig, SCHEMA } from './connection.ts';

/** Any constant number: the advisory lock under which one process at a time migrates. */
const LOCK = 7_350_221;

/** `gen_random_uuid` is built in from here on. */
const OLDEST_SERVER = 130_000;

/**
 * Brings the schema up to date: each numbered file once, in order, all in one transaction, under a lock. Throws
 * `store/newer` where the schema is ahead of this program, `store/version` where the server is too old, else pg's errors.
 */
export async function migrate(url: string): Promise<void> {
  const files = migrations();
  const client = new pg.Client(connectionConfig(url));
  client.on('error', () => undefined);
  await client.connect();
  try {
    if (upToDate(await applied(client), files)) return;
    await checkServer(client);
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await makeSchema(client);
    const known = await applied(client);
    upToDate(known, files);
    for (const file of files.filter((f) => f.number > known)) {
      await client.query(file.sql);
      await client.query(`INSERT INTO ${SCHEMA}.schema_migrations (number, name) VALUES ($1, $2)`, [
        file.number,
        file.name,
      ]);
    }
    await client.query('COMMIT');
  } finally {
    // An open transaction ends with its connection.
    await client.end().catch(() => undefined);
  }
}

/** Number of the newest migration that this program brings. */
export function schemaVersion(): number {
  return migrations().at(-1)?.number ?? 0;
}

function upToDate(known: number, files: Migration[]): boolean {
  const ours = files.at(-1)?.number ?? 0;
  if (known <= ours) return known === ours;
  throw new SluiceError('store/newer', 'config', `The state store has schema ${known}, this sluice knows ${ours}`, {
    hint: 'Use a sluice at least as new as the one that wrote the state.',
  });
}

/** The number of the newest migration in the database. */
async function applied(client: pg.Client): Promise<number> {
  const { rows } = await client.query('SELECT to_regclass($1) AS found', [`${SCHEMA}.schema_migrations`]);
  if (rows[0]?.found === null) return 0;
  const newest = await client.query(`SELECT coalesce(max(number), 0) AS number FROM ${SCHEMA}.schema_migrations`);
  return newest.rows[0]?.number ?? 0;
}

/** A user without the right to make schemas can use one that was made for it. */
async function makeSchema(client: pg.Client): Promise<void> {
  const { rows } = await client.query('SELECT to_regnamespace($1) AS found', [SCHEMA]);
  if (rows[0]?.found === null) await client.query(`CREATE SCHEMA ${SCHEMA}`);
  await client.query(
    `CREATE TABLE IF NOT EXISTS ${SCHEMA}.schema_migrations (
       number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
     )`,
  );
}

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`SELECT current_setting('server_version_num')::int AS number`);
  const found = Number(rows[0]?.number);
  if (found >= OLDEST_SERVER) return;
  throw new SluiceError(
    'store/version',
    'config',
    `The state store is PostgreSQL ${Math.floor(found / 10_000)}; sluice needs ${OLDEST_SERVER / 10_000} or newer`,
    {
      hint: 'Name a newer server in state_store or DATABASE_URL, or leave both out: sluice brings a server of its own.',
    },
  );
}

interface Migration {
  number: number;
  name: string;
  sql: string;
}

/** Beside the bundle in the built package, beside this file when run from source. */
function migrations(): Migration[] {
  const folder = ['./migrations/', '../../dist/migrations/']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (!folder) throw new Error('the migrations of the state store are missing from this installation');
  return readdirSync(folder)
    .filter((name) => /^\d{6}_.*\.sql$/.test(name))
    .sort()
    .map((name) => ({ number: Number(name.slice(0, 6)), name, sql: readFileSync(join(folder, name), 'utf8') }));
}
