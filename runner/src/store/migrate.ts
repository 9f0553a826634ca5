import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '@sluice/core';
import type pg from 'pg';
import { SCHEMA } from './connection.ts';

/** Any constant number: the advisory lock under which one process at a time migrates. */
const LOCK = 7_350_221;

/** Brings the schema up to date: each numbered file once, in order, in one transaction, under a lock. */
export async function migrate(pool: pg.Pool): Promise<void> {
  const files = migrations();
  const client = await pool.connect();
  try {
    const known = await applied(client);
    if (known === files.length) return;
    if (known > files.length) throw newer(known, files.length);
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${SCHEMA}.schema_migrations (number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    for (const [index, file] of files.slice(await applied(client)).entries()) {
      await client.query(file.sql);
      await client.query(`INSERT INTO ${SCHEMA}.schema_migrations (number, name) VALUES ($1, $2)`, [
        file.number,
        file.name,
      ]);
      void index;
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

async function applied(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query('SELECT to_regclass($1) AS found', [`${SCHEMA}.schema_migrations`]);
  if (rows[0]?.found === null) return 0;
  const { rows: count } = await client.query(`SELECT count(*)::int AS n FROM ${SCHEMA}.schema_migrations`);
  return count[0]?.n ?? 0;
}

function migrations(): { number: number; name: string; sql: string }[] {
  const folder = ['./migrations/', '../migrations/', './store/migrations/']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (!folder) throw new Error('the migrations of the state store are missing from this installation');
  return readdirSync(folder)
    .filter((name) => /^\d{6}_.*\.sql$/.test(name))
    .sort()
    .map((name) => ({ number: Number(name.slice(0, 6)), name, sql: readFileSync(join(folder, name), 'utf8') }));
}

function newer(known: number, ours: number): SluiceError {
  return new SluiceError('store/newer', 'config', `The state store has schema ${known}, this sluice knows ${ours}`, {
    hint: 'Use a sluice at least as new as the one that wrote the state.',
  });
}
