import { expect, test } from 'vitest';
import { ADDRESSES } from '../../../test/destination-driver.ts';
import { postgresFixture } from '../../../test/postgres-destination.ts';
import type { JsonObject } from '../../model/json.ts';

const lab = postgresFixture();

test('passwords go to the server byte for byte, from a key and from a url', async () => {
  for (const [i, password] of [`p$HOME'@#%/:"x`, '$Wren7!{a}'].entries()) {
    const user = `u${i}_${lab.driver.table}`;
    await lab.db.query(
      `CREATE ROLE ${user} LOGIN PASSWORD '${password.replaceAll("'", "''")}'; GRANT CREATE ON SCHEMA raw TO ${user}; GRANT USAGE ON SCHEMA raw TO ${user}`,
    );
    const { host, port, database } = lab.db;
    await (await lab.sessionTo({ host, port, database, user, password })).test();
    await (
      await lab.sessionTo({ url: `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}` })
    ).test();
    await (
      await lab.sessionTo({
        url: `jdbc:postgresql://${host}:${port}/${database}?user=${user}&password=${encodeURIComponent(password)}`,
      })
    ).test();
    await lab.db.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  }
});

test('errors of connecting show place and cause and no secret', async () => {
  const { host, port, database, user } = lab.db;
  const cases: [JsonObject, string, string, RegExp][] = [
    [
      { host, port, database, user, password: 'S3cr@t-Zq9' },
      'destination/access-denied',
      'config',
      new RegExp(`${host}:${port}, database "${database}"`),
    ],
    [
      { url: `postgres://${user}:S3cr%40t-Zq9@${host}:${port}/${database}` },
      'destination/access-denied',
      'config',
      /password authentication failed/,
    ],
    [
      { url: 'postgresql://app:S3cr%40t-Zq9@127.0.0.1:1/db' },
      'destination/unreachable',
      'transient',
      /127\.0\.0\.1:1, database "db".*refused/,
    ],
    [
      { host, port, database: 'nowhere', user, password: lab.db.password },
      'destination/unreachable',
      'config',
      /nowhere/,
    ],
    [
      { host: 'no-such-host.invalid', database, user, password: 'S3cr@t-Zq9' },
      'destination/unreachable',
      'transient',
      /no-such-host\.invalid:5432/,
    ],
    [
      { host, port, database, user, password: lab.db.password, ssl: 'require' },
      'destination/no-encryption',
      'config',
      /SSL/,
    ],
  ];
  for (const [settings, code, kind, message] of cases) {
    const error = await (await lab.sessionTo(settings)).test().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code, kind });
    const text =
      JSON.stringify(error) + String((error as Error).stack) + JSON.stringify((error as Error).cause ?? null);
    expect((error as Error).message).toMatch(message);
    for (const secret of ['S3cr', Buffer.from('S3cr@t-Zq9').toString('base64'), lab.db.password])
      if (secret) expect(text).not.toContain(secret);
  }
});

test('a user without the right to make tables is told so', async () => {
  const user = `poor_${lab.driver.table}`;
  await lab.db.query(`CREATE ROLE ${user} LOGIN PASSWORD 'x'`);
  const { host, port, database } = lab.db;
  const session = await lab.sessionTo({ host, port, database, user, password: 'x' });
  await expect(session.test()).rejects.toMatchObject({ code: 'destination/no-rights', kind: 'config' });
  await expect(session.open(ADDRESSES, [])).rejects.toMatchObject({ code: 'destination/no-rights', kind: 'config' });
  await lab.db.query(`DROP ROLE ${user}`);
});

test('options set the session, but not what values rely on', async () => {
  const session = await lab.sessionTo({ url: lab.db.url, options: { work_mem: '7MB', TimeZone: 'Asia/Tokyo' } });
  const answer = await session.query(`SELECT current_setting('work_mem'), current_setting('TimeZone')`);
  expect(answer.rows).toEqual([['7MB', 'UTC']]);
  await expect(session.query('SELECT 1; DROP SCHEMA raw')).rejects.toMatchObject({
    code: 'destination/query-failed',
  });
});
