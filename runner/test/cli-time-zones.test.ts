import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { folderWith, sluice } from './cli.ts';

/** Times of a clock and instants are the same wherever the process and the server's session think they are. */

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

const ZONES = ['Asia/Shanghai', 'UTC', 'America/New_York'];

beforeAll(async () => {
  db = await testDatabase();
  ({ dir, remove } = await folderWith({
    'make.yaml': `name: make
source:
  type: local
  path: in.csv
transform:
  - derive:
      - name: wall
        expression: timestamp '1970-01-03 12:00:00'
      - name: inst
        expression: timestamptz '1970-01-03 12:00:00+00'
      - name: dst
        expression: timestamp '2026-03-08 02:30:00'
destination:
  type: local
  path: made
  write_disposition: replace
`,
    'load.yaml': `name: load
source:
  type: local
  path: made/**/*.parquet
incremental:
  type: none
destination:
  type: postgres
  url: \${env:WAREHOUSE}
  schema: wh
  table: times
  write_disposition: replace
`,
    'in.csv': 'id\n1\n',
  }));
});
afterAll(async () => {
  await remove?.();
  await db?.drop();
});

it.each(ZONES)('%s', async (zone) => {
  const warehouse = new URL(db.url);
  warehouse.searchParams.set('options', `-c TimeZone=${zone}`);
  const env = { DATABASE_URL: db.url, WAREHOUSE: warehouse.href, TZ: zone };
  for (const name of ['make', 'load']) {
    const { code, stderr } = await sluice(['run', `${name}.yaml`, '-q'], { cwd: dir, env });
    expect([code, stderr]).toEqual([0, '']);
  }
  const types = await db.query(
    `SELECT string_agg(data_type, ', ' ORDER BY column_name) AS types FROM information_schema.columns
     WHERE table_schema = 'wh' AND table_name = 'times' AND column_name IN ('wall', 'inst')`,
  );
  expect(types).toEqual([{ types: 'timestamp with time zone, timestamp without time zone' }]);
  const rows = await db.query('SELECT wall::text, extract(epoch FROM inst)::int AS inst, dst::text FROM wh.times');
  expect(rows).toEqual([{ wall: '1970-01-03 12:00:00', inst: '216000', dst: '2026-03-08 02:30:00' }]);
  const shown = await sluice(['sql', 'SELECT wall, inst FROM make', '--job', 'make.yaml', '--json'], { cwd: dir, env });
  expect(JSON.parse(shown.stdout)).toEqual([{ wall: '1970-01-03T12:00:00', inst: '1970-01-03T12:00:00Z' }]);
});
