import { afterEach, beforeEach, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { migrate, schemaVersion } from './migrate.ts';
import { openStore } from './store.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await testDatabase();
});
afterEach(() => db.drop());

const applied = () => db.query('SELECT number, name FROM sluice.schema_migrations ORDER BY number');
const everything = () =>
  db.query(
    `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'sluice'
     ORDER BY table_name, ordinal_position`,
  );

it('runs every file once', async () => {
  await migrate(db.url);
  const [first, columns] = [await applied(), await everything()];
  expect(first.map((m) => Number(m.number))).toEqual(Array.from({ length: schemaVersion() }, (_, i) => i + 1));
  await migrate(db.url);
  expect(await applied()).toEqual(first);
  expect(await everything()).toEqual(columns);
});

it('is done once by many that start at once', async () => {
  await Promise.all(Array.from({ length: 8 }, () => migrate(db.url)));
  expect(await applied()).toHaveLength(schemaVersion());
});

it('touches nothing but its own schema', async () => {
  await db.query('CREATE TABLE public.runs (mine int)');
  await migrate(db.url);
  const outside = await db.query(
    `SELECT schemaname || '.' || tablename AS name FROM pg_tables
     WHERE schemaname NOT IN ('sluice', 'pg_catalog', 'information_schema')`,
  );
  expect(outside).toEqual([{ name: 'public.runs' }]);
});

it('refuses the state of a newer sluice and leaves it alone', async () => {
  await migrate(db.url);
  await db.query(`INSERT INTO sluice.schema_migrations (number, name) VALUES (${schemaVersion() + 1}, 'later')`);
  await expect(openStore({ url: db.url })).rejects.toMatchObject({ code: 'store/newer', kind: 'config' });
});

it('works for a user that may not make schemas but was given one', async () => {
  const role = `${db.database}_user`;
  await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; CREATE SCHEMA sluice AUTHORIZATION ${role}`);
  const url = new URL(db.url);
  url.username = role;
  url.password = 'x';
  try {
    const store = await openStore({ url: url.href });
    expect(await store.listRuns({ project: 'p' })).toEqual([]);
    await store.close();
  } finally {
    await db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

it('says what is missing where there is no right to make the schema', async () => {
  const role = `${db.database}_user`;
  await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
  const url = new URL(db.url);
  url.username = role;
  url.password = 'x';
  try {
    await expect(openStore({ url: url.href })).rejects.toMatchObject({ code: 'store/unreachable', kind: 'config' });
  } finally {
    await db.query(`DROP ROLE ${role}`);
  }
});
