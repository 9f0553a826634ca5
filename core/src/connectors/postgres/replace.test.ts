import pg from 'pg';
import { expect, test } from 'vitest';
import { LOAD, three, two, WAYS } from '../../../test/destination-fixture.ts';
import { postgresFixture } from '../../../test/postgres-destination.ts';

const lab = postgresFixture();

test.each(WAYS)('replace by $how keeps owner, grants and comments', async (way) => {
  const role = `reader_${lab.driver.table}`;
  await lab.db.query(`CREATE ROLE ${role}`);
  await lab.driver.run(way, three(1), two, { disposition: 'replace' });
  await lab.db.query(
    `GRANT SELECT ON raw.${lab.driver.table} TO ${role}; COMMENT ON TABLE raw.${lab.driver.table} IS 'it''s ours'; COMMENT ON COLUMN raw.${lab.driver.table}.s IS 'words'; ALTER TABLE raw.${lab.driver.table} OWNER TO ${role}; GRANT INSERT ON raw.${lab.driver.table} TO postgres`,
  );
  const before = await lab.db.query(`SELECT oid FROM pg_class WHERE oid = 'raw.${lab.driver.table}'::regclass`);
  await lab.driver.run(way, three(4), two, { disposition: 'replace' });
  const [now] = await lab.db.query(
    `SELECT oid, obj_description(oid) AS t, col_description(oid, 2) AS c, pg_get_userbyid(relowner) AS owner, has_table_privilege('${role}', oid, 'SELECT') AS may FROM pg_class WHERE oid = 'raw.${lab.driver.table}'::regclass`,
  );
  expect(now).toMatchObject({ t: "it's ours", c: 'words', owner: role, may: 't' });
  expect(now?.oid).not.toBe(before[0]?.oid);
  await lab.db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

test.each(WAYS)('replace by $how keeps views, indexes and defaults: rows change in place', async (way) => {
  await lab.driver.run(way, three(1), two, { disposition: 'replace' });
  await lab.db.query(
    `CREATE VIEW raw.v_${lab.driver.table} AS SELECT max(id) AS m FROM raw.${lab.driver.table}; CREATE INDEX i_${lab.driver.table} ON raw.${lab.driver.table} (s)`,
  );
  const result = await lab.driver.run(way, three(40), two, { disposition: 'replace' });
  expect(result).toMatchObject({ rows_written: 3 });
  expect(await lab.db.query(`SELECT m FROM raw.v_${lab.driver.table}`)).toEqual([{ m: '42' }]);
  expect(await lab.db.query(`SELECT 1 FROM pg_indexes WHERE indexname = 'i_${lab.driver.table}'`)).toHaveLength(1);
  expect(await lab.driver.select()).toHaveLength(3);
});

test.each(WAYS)('readers see the old table or the new one under replace by $how, never an empty one', async (way) => {
  const rows = (mark: string) => `SELECT range::INT AS id, '${mark}' AS s FROM range(2000)`;
  await lab.driver.run(way, rows('m0'), two, { disposition: 'replace' });
  const seen = new Set<string>();
  let running = true;
  const reader = async () => {
    const client = new pg.Client({ connectionString: lab.db.url });
    await client.connect();
    // The last look is after the last replace.
    for (let more = true; more; ) {
      more = running;
      const result = await client.query(
        `SELECT count(*)::int AS n, min(s) AS a, max(s) AS b FROM raw.${lab.driver.table}`,
      );
      seen.add(JSON.stringify(result.rows[0]));
      begun();
    }
    await client.end();
  };
  let begun: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const reading = [reader(), reader()];
  await first;
  for (let i = 1; i <= 4; i++) await lab.driver.run(way, rows(`m${i}`), two, { disposition: 'replace' });
  running = false;
  await Promise.all(reading);
  for (const text of seen) {
    const row = JSON.parse(text) as { n: number; a: string; b: string };
    expect(row).toEqual({ n: 2000, a: row.a, b: row.a });
  }
  expect(seen.size).toBeGreaterThan(1);
});

test('a snapshot from before a loaded replace never sees an empty table', async () => {
  await lab.driver.run(LOAD, three(1), two, { disposition: 'replace' });
  const client = new pg.Client({ connectionString: lab.db.url });
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
  await lab.driver.run(LOAD, three(1), two, { disposition: 'replace' });
  const result = await client.query(`SELECT count(*)::int AS n FROM raw.${lab.driver.table}`);
  expect(result.rows).toEqual([{ n: 3 }]);
  await client.end();
});
