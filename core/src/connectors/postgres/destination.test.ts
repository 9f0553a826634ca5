import { expect, test } from 'vitest';
import { ADDRESSES, columns } from '../../../test/destination-driver.ts';
import { LOAD, three, two, WAYS } from '../../../test/destination-fixture.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { postgresFixture } from '../../../test/postgres-destination.ts';

const lab = postgresFixture();

destinationSuite('postgres', () => lab.system);

test('a table that merge makes has a primary key, and merge works without one', async () => {
  const more = { primaryKey: ['id'] };
  for (const way of WAYS) {
    const one = lab.next();
    await one.run(way, three(1), two, { disposition: 'merge', more });
    const keys = await lab.db.query(
      `SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) WHERE i.indisprimary AND i.indrelid = 'raw.${one.table}'::regclass`,
    );
    expect(keys).toEqual([{ attname: 'id' }]);
  }
  await lab.driver.run(LOAD, three(1), two);
  expect(await lab.driver.run(LOAD, three(2), two, { disposition: 'merge', more })).toMatchObject({
    rows_inserted: 1,
    rows_updated: 2,
  });
  expect((await lab.driver.select()).map((r) => r.id)).toEqual(['1', '2', '3', '4']);
});

test('a trigger that refuses a row leaves nothing, and its error is worth another try', async () => {
  await lab.db.query(`CREATE TABLE raw.${lab.driver.table} (id int, s text);
    CREATE FUNCTION raw.no_${lab.driver.table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 2 THEN RAISE EXCEPTION 'not that one'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER no BEFORE INSERT ON raw.${lab.driver.table} FOR EACH ROW EXECUTE FUNCTION raw.no_${lab.driver.table}()`);
  for (const way of WAYS)
    await expect(lab.driver.run(way, three(1), two)).rejects.toMatchObject({
      kind: 'transient',
      code: 'destination/refused',
    });
  expect(await lab.driver.select()).toEqual([]);
  await lab.db.query(`DROP TRIGGER no ON raw.${lab.driver.table}`);
  await lab.driver.run(LOAD, three(1), two);
  expect(await lab.driver.select()).toHaveLength(3);
});

test('names that Postgres would cut are refused', async () => {
  const long = 'é'.repeat(32);
  await expect(
    lab.driver.run(LOAD, `SELECT 1 AS id, 2 AS "${long}"`, columns({ id: 'int', [long]: 'int' })),
  ).rejects.toMatchObject({ code: 'destination/name-too-long', kind: 'config' });
  const session = await lab.sessionTo({ url: lab.db.url }, { table: 't'.repeat(64) });
  await expect(session.open(ADDRESSES, [])).rejects.toMatchObject({ code: 'destination/name-too-long' });
  const fits = 'n'.repeat(63);
  await lab.driver.run(LOAD, `SELECT 1 AS id, 2 AS "${fits}"`, columns({ id: 'int', [fits]: 'int' }));
});

test('a view in the place of the table is refused', async () => {
  await lab.db.query(`CREATE VIEW raw.${lab.driver.table} AS SELECT 1 AS id`);
  const session = await lab.driver.connect('v');
  await expect(session.open(ADDRESSES, [])).rejects.toMatchObject({ code: 'destination/not-a-table' });
});
