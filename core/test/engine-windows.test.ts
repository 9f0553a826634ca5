import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

let project: EngineProject;
let db: TestDatabase;

beforeAll(async () => {
  db = await testDatabase();
  project = await engineProject({ WAREHOUSE_URL: db.url });
});
afterAll(async () => {
  await project.close();
  await db.drop();
});

const day = (d: number) => ({ from: `2026-03-0${d}T00:00:00Z`, to: `2026-03-0${d + 1}T00:00:00Z` });

function job(kind: string, name: string, more: { disposition?: string; column?: string; rest?: string } = {}): string {
  const place = kind === 'duckdb' ? 'path: out.duckdb' : 'url: ${env:WAREHOUSE_URL}';
  return `name: ${name}_${kind}
source:
  type: local
  path: ${name}/${kind}/dt=\${window:start|%Y-%m-%d}/*.csv
columns:
  - name: at
    from: event_time
    type: ${more.column ?? 'timestamptz'}
  - name: window_begin
    metadata: window_start
incremental:
  type: window
  column: event_time
  every: day
destination:
  type: ${kind}
  ${place}
  table: ${name}
  write_disposition: ${more.disposition ?? 'replace'}
${more.rest ?? ''}`;
}

describe.each(['duckdb', 'postgres'])('%s', (kind) => {
  it('replaces one window and leaves the others alone', async () => {
    const yaml = job(kind, 'parts');
    await project.file(
      `parts/${kind}/dt=2026-03-01/a.csv`,
      'id,event_time\n1,2026-03-01T00:00:00Z\n2,2026-03-01T23:59:59.999999Z\n',
    );
    await project.file(
      `parts/${kind}/dt=2026-03-02/a.csv`,
      'id,event_time\n3,2026-03-02T00:00:00Z\n4,2026-03-03T00:00:00Z\n',
    );
    const first = await project.ok(yaml, { window: day(1) });
    expect(first.counts).toMatchObject({ rows_read: 2, rows_written: 2, rows_filtered: 0 });
    expect(first.checkpoint).toEqual({
      windows: ['2026-03-01T00:00:00Z/2026-03-02T00:00:00Z'],
      first: '2026-03-01T00:00:00Z',
    });
    // Row 4 lies beyond the window: the next one begins there.
    const second = await project.ok(yaml, { window: day(2) });
    expect(second.counts).toMatchObject({ rows_read: 2, rows_written: 1, rows_filtered: 1 });
    expect(second.checkpoint).toMatchObject({ windows: ['2026-03-01T00:00:00Z/2026-03-03T00:00:00Z'] });
    expect(await project.rows(yaml, 'SELECT id FROM parts ORDER BY id')).toEqual([['1'], ['2'], ['3']]);
    const begin = kind === 'duckdb' ? `epoch(window_begin)::BIGINT` : `extract(epoch FROM window_begin)::BIGINT`;
    expect(await project.rows(yaml, `SELECT DISTINCT ${begin} FROM parts ORDER BY 1`)).toEqual([
      [String(Date.parse(day(1).from) / 1000)],
      [String(Date.parse(day(2).from) / 1000)],
    ]);
    const skipped = await project.ok(yaml, { window: day(1) });
    expect(skipped.outcome?.empty).toBe(true);
    await project.file(`parts/${kind}/dt=2026-03-01/a.csv`, 'id,event_time\n9,2026-03-01T12:00:00Z\n');
    const again = await project.ok(yaml, { window: { ...day(1), again: true } });
    expect(again.counts).toMatchObject({ rows_written: 1, rows_deleted: 2 });
    expect(await project.rows(yaml, 'SELECT id FROM parts ORDER BY id')).toEqual([['3'], ['9']]);
    expect(again.checkpoint).toEqual(second.checkpoint);
  });

  it('does the same with several tasks', async () => {
    const yaml = job(kind, 'tasks', { rest: 'compute:\n  workers: {min: 3, max: 3}\n' });
    for (const n of [1, 2, 3]) {
      const rows = Array.from({ length: 50 }, (_, i) => `${n * 100 + i},2026-03-0${n === 3 ? 2 : 1}T10:00:00Z`);
      await project.file(`tasks/${kind}/dt=2026-03-01/${n}.csv`, `id,event_time\n${rows.join('\n')}\n`);
    }
    const first = await project.ok(yaml, { window: day(1), cores: 3 });
    expect(first.counts).toMatchObject({ rows_read: 150, rows_written: 100, rows_filtered: 50 });
    const again = await project.ok(yaml, { window: { ...day(1), again: true }, cores: 3 });
    expect(again.counts).toMatchObject({ rows_written: 100 });
    expect(await project.rows(yaml, 'SELECT count(*) FROM tasks')).toEqual([['100']]);
  });

  it('takes times without a zone by the clock of the schedule', async () => {
    for (const type of ['timestamp', 'date']) {
      const rest = 'schedule:\n  cron: "0 5 * * *"\n  timezone: Europe/Berlin\n';
      const yaml = job(kind, `clock_${type}`, { column: type, rest });
      const time = type === 'date' ? '' : ' 00:00:00';
      const late = type === 'date' ? '' : ' 23:30:00';
      await project.file(
        `clock_${type}/${kind}/dt=2026-03-29/a.csv`,
        `id,event_time\n1,2026-03-29${time}\n2,2026-03-29${late}\n3,2026-03-30${time}\n4,2026-03-28${late}\n`,
      );
      // The clocks change on this day: it has 23 hours.
      const window = { from: '2026-03-28T23:00:00Z', to: '2026-03-29T22:00:00Z' };
      for (const again of [false, true]) await project.ok(yaml, { window: { ...window, again } });
      expect(await project.rows(yaml, `SELECT id FROM clock_${type} ORDER BY id`)).toEqual([['1'], ['2']]);
    }
  });

  it('leaves a window without files unfinished', async () => {
    const yaml = job(kind, 'missing');
    const result = await project.ok(yaml, { window: day(5) });
    expect(result.outcome?.empty).toBe(true);
    await project.file(`missing/${kind}/dt=2026-03-05/a.csv`, 'id,event_time\n1,2026-03-05T10:00:00Z\n');
    expect((await project.ok(yaml, { window: day(5) })).counts.rows_written).toBe(1);
  });

  it('appends and merges window by window', async () => {
    for (const disposition of ['append', 'merge']) {
      const yaml = job(kind, `by_${disposition}`, { disposition }).replace(
        'columns:\n',
        'columns:\n  - name: id\n    type: int\n    primary_key: true\n',
      );
      const path = `by_${disposition}/${kind}`;
      await project.file(`${path}/dt=2026-03-01/a.csv`, 'id,event_time\n1,2026-03-01T10:00:00Z\n');
      await project.file(`${path}/dt=2026-03-02/a.csv`, 'id,event_time\n2,2026-03-02T10:00:00Z\n3,\n');
      await project.ok(yaml, { window: day(1) });
      const second = await project.ok(yaml, { window: day(2) });
      expect(second.counts).toMatchObject({ rows_read: 2, rows_written: 1, rows_filtered: 1 });
      expect(second.logs.filter((l) => l.level === 'warn').map((l) => l.message)).toEqual([
        expect.stringContaining('1 rows without a value of at'),
      ]);
      expect(await project.rows(yaml, `SELECT id FROM by_${disposition} ORDER BY id`)).toEqual([['1'], ['2']]);
    }
  });
});

it('a column that is no time, or that is lost on the way, is refused', async () => {
  const text = job('duckdb', 'text').replace('    type: timestamptz\n', '');
  await project.file('text/duckdb/dt=2026-03-01/a.csv', 'id,event_time\n1,soon\n');
  expect((await project.run(text, { window: day(1) })).error?.code).toBe('window/type');
  const dropped = job('duckdb', 'dropped', { rest: 'transform:\n  - sql: select id from input\n' });
  await project.file('dropped/duckdb/dt=2026-03-01/a.csv', 'id,event_time\n1,2026-03-01T10:00:00Z\n');
  expect((await project.run(dropped, { window: day(1) })).error?.code).toBe('window/column');
});

describe('a backfill of a cursor', () => {
  const yaml = `name: cursor_fill
source:
  type: local
  path: cursor_fill/*.csv
columns:
  - name: id
    type: int
    primary_key: true
  - name: at
    type: timestamptz
incremental:
  type: cursor
  column: at
destination:
  type: duckdb
  path: out.duckdb
  write_disposition: merge
`;
  it('reads its stretch and leaves the cursor where it is', async () => {
    await project.file('cursor_fill/a.csv', 'id,at\n1,2026-01-01T00:00:00Z\n2,2026-01-05T00:00:00.000900Z\n');
    const first = await project.ok(yaml);
    expect(first.checkpoint).toMatchObject({ cursor: { value: '2026-01-05T00:00:00.000900Z' } });
    await project.file(
      'cursor_fill/a.csv',
      'id,at\n1,2026-01-01T00:00:00Z\n3,2026-01-02T00:00:00Z\n4,2026-01-03T00:00:00Z\n5,\n',
    );
    const window = { from: '2026-01-01', to: '2026-01-03T00:00:00Z' };
    const fill = await project.ok(yaml, { window, backfill: true });
    expect(fill.counts).toMatchObject({ rows_written: 2, rows_filtered: 2 });
    expect(fill.checkpoint).toEqual(first.checkpoint);
    expect(await project.rows(yaml, 'SELECT id FROM cursor_fill ORDER BY id')).toEqual([['1'], ['2'], ['3']]);
  });
});

describe('a database', () => {
  const yaml = (rest: string) => `name: web
source:
  type: postgres
  url: \${env:WAREHOUSE_URL}
  table: raw_events
${rest}destination:
  type: duckdb
  path: out.duckdb
`;
  const windowed = `${yaml('incremental:\n  type: window\n  column: at\n  every: day\nschedule:\n  cron: "@daily"\n  timezone: Europe/Berlin\n')}  write_disposition: replace\n`;

  beforeAll(async () => {
    await db.query(`CREATE TABLE raw_events (id int, at timestamptz);
      INSERT INTO raw_events VALUES (1, '2026-03-01 22:59:59.999999Z'), (2, '2026-03-01 23:00:00Z'), (3, '2026-03-02 22:59:59Z'),
        (4, '2026-03-02 23:00:00Z'), (5, NULL)`);
  });

  it('is asked for the window’s rows alone', async () => {
    const window = { from: '2026-03-01T23:00:00Z', to: '2026-03-02T23:00:00Z' };
    const first = await project.ok(windowed, { window });
    expect(first.counts).toMatchObject({ rows_read: 2, rows_written: 2, rows_filtered: 0 });
    await project.ok(windowed, { window: { ...window, again: true } });
    expect(await project.rows(windowed, 'SELECT id FROM web ORDER BY id')).toEqual([['2'], ['3']]);
  });

  it('and for the stretch of a backfill', async () => {
    const cursor = `${yaml('incremental:\n  type: cursor\n  column: at\n')}  table: by_cursor\n  write_disposition: merge\n  primary_key: [id]\n`;
    const window = { from: '2026-03-01 23:00:00+00', to: '2026-03-02T23:00:00Z' };
    const fill = await project.ok(cursor, { window, backfill: true });
    expect(fill.counts).toMatchObject({ rows_read: 2, rows_written: 2 });
    // The cursor has not moved: the first run still loads everything.
    expect((await project.ok(cursor)).counts.rows_read).toBe(5);
    const bad = await project.run(cursor, { window: { from: 'soon', to: 'later' }, backfill: true });
    expect(bad.error?.code).toBe('cursor/initial-value');
  });
});
