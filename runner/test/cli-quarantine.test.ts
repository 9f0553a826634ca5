import { createHmac } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { type CliResult, folderWith, sluice } from './cli.ts';

/** `quarantine`: rows that were set aside are shown, and run again exactly once. */

let db: TestDatabase;
let dir: string;
let remove: () => Promise<void>;

const DUCK = 'type: duckdb';
const PG = 'type: postgres\n  url: ${env:PG_URL}\n  schema: wh';
const job = (name: string, columns: string, more: string, destination = DUCK) =>
  `name: ${name}
source:
  type: local
  path: ${name}/*.csv
  format:
    type: csv
    delimiter: ";"
    decimal: ","
    on_bad_row: quarantine
columns:
${columns}${more}limits:
  max_rejected:
    ratio: 1
destination:
  ${destination}
  table: ${name}
`;

const COLUMNS = `  - name: id
    type: bigint
    primary_key: true
  - name: day
    type: date
  - name: file
    metadata: path
  - name: line
    metadata: row_number
`;
const STEPS = `transform:
  - derive:
      - name: cents
        expression: price * 100
checks:
  - row_count: {min: 2}
  - range: {columns: [cents], min: 0, on_failure: quarantine}
`;
const MASKED = '  - name: day\n    type: date\n  - name: mail\n    mask: hash\n';
const ORDERS =
  'id;day;price\n1;2026-01-02;1,5\n2;02.01.2026;2,25\n3;2026-01-04;-3\n99999999999999999;03.01.2026;0,1\n5;x\n6;2026-01-06;1\n';

beforeAll(async () => {
  db = await testDatabase();
  ({ dir, remove } = await folderWith({
    'sluice.yaml': 'version: 1\nname: shop\nmasking:\n  key: ${env:MASK_KEY}\n',
    'jobs/duck.yaml': job('duck', COLUMNS, STEPS),
    'jobs/pg.yaml': job('pg', COLUMNS, STEPS, PG),
    'duck/a.csv': ORDERS,
    'pg/a.csv': ORDERS,
    'jobs/masked.yaml': job('masked', MASKED, ''),
    'masked/a.csv': 'day;mail\n2026-01-01;ann@x\n02.01.2026;bob@x\n',
    'jobs/seeing.yaml': job('seeing', MASKED, "transform:\n  - filter: mail like '%@x'\n"),
    'seeing/a.csv': 'day;mail\n2026-01-01;ann@x\n02.01.2026;bob@x\n',
  }));
});
afterAll(async () => {
  await remove();
  await db.drop();
});

function run(args: string[], env: Record<string, string> = {}): Promise<CliResult> {
  return sluice(args, { cwd: dir, env: { DATABASE_URL: db.url, PG_URL: db.url, MASK_KEY: 'k', ...env } });
}

function json(result: CliResult) {
  if (result.stdout === '') throw new Error(result.stderr);
  return JSON.parse(result.stdout);
}

async function change(name: string, from: string, to: string): Promise<void> {
  const path = join(dir, `jobs/${name}.yaml`);
  await writeFile(path, (await readFile(path, 'utf8')).replace(from, to));
}

const groups = async (name: string) =>
  json(await run(['quarantine', 'list', name, '--json'])).map((g: Record<string, unknown>) => [
    g.code,
    g.rows,
    g.replayed,
  ]);

async function rows(name: string, what: string): Promise<unknown[]> {
  const table = name === 'pg' ? 'wh.pg' : name;
  return json(await run(['sql', '--json', '--job', name, `select ${what} from ${table} order by id`]));
}

describe('rows set aside', () => {
  const name = 'duck';

  it('are listed by reason and shown as they are kept', async () => {
    expect(json(await run(['run', name, '--json']))).toMatchObject({
      rows_read: 6,
      rows_written: 2,
      rows_quarantined: 4,
    });
    expect(await groups(name)).toEqual([
      ['type/value', 2, 0],
      ['check/range', 1, 0],
      [expect.stringMatching(/^format\//), 1, 0],
    ]);
    const found = json(await run(['quarantine', 'show', name, '--code', 'type/value', '--json']));
    expect(found).toMatchObject([
      { stream: name, code: 'type/value', path: `${name}/a.csv`, row_number: 2, replayed_by: null },
      { row_number: 4 },
    ]);
    expect(JSON.parse(found[0].row)).toMatchObject({ id: '2', day: '02.01.2026', price: '2,25' });
    expect((await run(['quarantine', 'show', name])).stdout).toContain('02.01.2026');
  });

  it('that fail again are set aside anew; those of a check do not go through the transforms twice', async () => {
    await change(name, 'min: 0,', 'min: -5000,');
    const again = await run(['quarantine', 'replay', name, '--json']);
    expect([again.code, json(again)]).toEqual([
      0,
      { status: 'succeeded', rows_read: 4, rows_written: 1, rows_rejected: 3, rows_quarantined: 3, error: null },
    ]);
    const found = await rows(name, 'id, cast(cents as int) as cents, file, line');
    expect(found.slice(0, 2)).toEqual([
      { id: 1, cents: 150, file: `${name}/a.csv`, line: 1 },
      { id: 3, cents: -300, file: `${name}/a.csv`, line: 3 },
    ]);
  });

  it('go through the job once it is mended, each once, whatever dies on the way', async () => {
    await change(name, '    type: date\n', '    type: date\n    format: "%d.%m.%Y"\n');
    const fault = { SLUICE_FAULT: 'destination.load.committed=kill' };
    const killed = await run(['quarantine', 'replay', name, '--json'], fault);
    expect([killed.code, json(killed).error?.code]).toEqual([1, 'run/executor-died']);
    const again = json(await run(['quarantine', 'replay', name, '--json']));
    // But for the line that is no row, which the format says again.
    expect(again).toMatchObject({ status: 'succeeded', rows_read: 1, rows_written: 0 });
    expect(await rows(name, 'id, cast(day as varchar) as day, line')).toEqual([
      { id: 1, day: '2026-01-02', line: 1 },
      { id: 2, day: '2026-01-02', line: 2 },
      { id: 3, day: '2026-01-04', line: 3 },
      { id: 6, day: '2026-01-06', line: 6 },
      { id: '99999999999999999', day: '2026-01-03', line: 4 },
    ]);
    // The line that is no row stays so; nothing else is open.
    const open = json(await run(['quarantine', 'show', name, '--json']));
    expect(open.map((row: { code: string }) => row.code)).toEqual([expect.stringMatching(/^format\//)]);
    const all = json(await run(['quarantine', 'show', name, '--all', '--json']));
    expect(all).toHaveLength(9);
  });

  it('do not move the checkpoint: nothing is loaded twice afterwards', async () => {
    expect(json(await run(['run', name, '--json']))).toMatchObject({ rows_read: 0 });
    const { streams, runs } = json(await run(['state', 'show', name, '--json']));
    expect(streams[0].state).toMatchObject({ files: 1, checkpoint: { files: 1 } });
    expect(runs.some((one: { kind: string }) => one.kind === 'replay')).toBe(true);
  });
});

it('Postgres: rows go through both ways in one replay, each once', async () => {
  await run(['run', 'pg']);
  await change('pg', 'min: 0,', 'min: -5000,');
  await change('pg', '    type: date\n', '    type: date\n    format: "%d.%m.%Y"\n');
  const fault = { SLUICE_FAULT: 'destination.load.committed=kill' };
  expect((await run(['quarantine', 'replay', 'pg', '--json'], fault)).code).toBe(1);
  expect(json(await run(['quarantine', 'replay', 'pg', '--json']))).toMatchObject({ rows_read: 1, rows_written: 0 });
  expect(await rows('pg', 'line, id')).toMatchObject([1, 2, 3, 6, 4].map((line) => ({ line })));
});

describe('rows that never were columns', () => {
  const files = {
    'jobs/lines.yaml': `name: lines
source:
  type: local
  path: lines/*.log
  format:
    type: text
    regex: '^(?P<id>[0-9]+) (?P<what>[a-z]+)$'
    on_bad_row: quarantine
columns:
  - name: file
    metadata: path
  - name: line
    metadata: row_number
    type: int
limits: {max_rejected: {ratio: 1}}
`,
    'lines/a.log': '1 a\nx\n2 b\n3-c\n',
    'lines/b.log': '4 d\n5-e\n\n',
    'jobs/quotes.yaml': `name: quotes
source:
  type: local
  path: quotes/*.csv.gz
  format: {type: csv, skip_rows: 1, on_bad_row: quarantine}
limits: {max_rejected: {ratio: 1}}
`,
    'jobs/docs.yaml': `name: docs
source:
  type: local
  path: docs/*.ndjson
  format: {type: json, on_bad_row: quarantine}
limits: {max_rejected: {ratio: 1}}
`,
    'docs/none.txt': '',
  };
  const SIZES = 'sizes of\nid;text;n\n1;"a";2\n2;"b" c;3\n3;d" ;4\n4;"e\nf" g;5\n5;x\n';

  it('are parsed by the format as it is now, with the place that they come from', async () => {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(dir, name)), { recursive: true });
      await writeFile(join(dir, name), text);
    }
    expect(json(await run(['run', 'lines', '--json']))).toMatchObject({ rows_written: 3, rows_quarantined: 3 });
    await change('lines', '(?P<id>[0-9]+) ', '(?P<id>[0-9]+)[ -]');
    const replayed = json(await run(['quarantine', 'replay', 'lines', '--json']));
    expect(replayed).toMatchObject({ rows_read: 3, rows_written: 2, rows_quarantined: 1 });
    expect(await rows('lines', 'id, what, file, line')).toEqual([
      { id: 1, what: 'a', file: 'lines/a.log', line: 1 },
      { id: 2, what: 'b', file: 'lines/a.log', line: 3 },
      { id: 3, what: 'c', file: 'lines/a.log', line: 4 },
      { id: 4, what: 'd', file: 'lines/b.log', line: 1 },
      { id: 5, what: 'e', file: 'lines/b.log', line: 2 },
    ]);
    const left = json(await run(['quarantine', 'show', 'lines', '--json']));
    expect(left).toMatchObject([{ path: 'lines/a.log', row_number: 2, byte_offset: null, row: 'x' }]);
    expect(json(await run(['run', 'lines', '--json']))).toMatchObject({ rows_read: 0 });
  });

  it('of CSV find the names of their columns in their file, and stay where it is gone', async () => {
    await mkdir(join(dir, 'quotes'));
    const path = join(dir, 'quotes/a.csv.gz');
    await writeFile(path, gzipSync(SIZES));
    expect(json(await run(['run', 'quotes', '--json']))).toMatchObject({ rows_written: 2, rows_quarantined: 3 });
    await change('quotes', 'csv,', 'csv, quote: "",');
    await rename(path, `${path}.away`);
    const gone = await run(['quarantine', 'replay', 'quotes', '--json']);
    expect([gone.code, json(gone).error.code]).toEqual([1, 'quarantine/layout']);
    await rename(`${path}.away`, path);
    // A line end inside quotes is none without them: this row is two short ones.
    expect(json(await run(['quarantine', 'replay', 'quotes', '--json']))).toMatchObject({
      rows_written: 1,
      rows_quarantined: 3,
    });
    expect(await rows('quotes', 'id, text, n')).toEqual([
      { id: 1, text: 'a', n: 2 },
      { id: 2, text: '"b" c', n: 3 },
      { id: 3, text: 'd" ', n: 4 },
    ]);
  });

  it('of JSON stay while they are broken, and a late field makes no row one of them', async () => {
    const many = Array.from({ length: 45_000 }, (_, id) => `{"id":${id},"pad":"${'x'.repeat(80)}"}\n`).join('');
    await writeFile(join(dir, 'docs/a.ndjson'), `${many}{"id":-1,"late":9007199254740993}\n{"id":-2\n`);
    expect(json(await run(['run', 'docs', '--json']))).toMatchObject({ rows_written: 45_001, rows_quarantined: 1 });
    const again = json(await run(['quarantine', 'replay', 'docs', '--json']));
    expect(again).toMatchObject({ rows_read: 0, rows_written: 0, rows_quarantined: 0 });
    const late = json(await run(['sql', '--json', 'select id, late from docs where late is not null']));
    expect(late).toEqual([{ id: -1, late: '9007199254740993' }]);
  });
});

describe('masked columns', () => {
  it('stay masked, and are not masked twice', async () => {
    await run(['run', 'masked']);
    expect((await run(['quarantine', 'show', 'masked'])).stdout).not.toContain('bob@x');
    await change('masked', '    type: date\n', '    type: date\n    format: "%d.%m.%Y"\n');
    expect(json(await run(['quarantine', 'replay', 'masked', '--json']))).toMatchObject({ rows_written: 1 });
    const mails = json(await run(['sql', '--json', 'select mail from masked order by day']));
    const hash = (text: string) => createHmac('sha256', 'k').update(text).digest('hex');
    expect(mails).toEqual([{ mail: hash('ann@x') }, { mail: hash('bob@x') }]);
  });

  it('are not judged by their masks', async () => {
    await run(['run', 'seeing']);
    const { code, stdout } = await run(['quarantine', 'replay', 'seeing', '--json']);
    expect([code, JSON.parse(stdout).error.code]).toEqual([1, 'quarantine/masked']);
    expect(await groups('seeing')).toEqual([['type/value', 1, 0]]);
  });
});

it('a job that set nothing aside has nothing to show', async () => {
  await writeFile(join(dir, 'jobs/clean.yaml'), 'name: clean\nsource:\n  type: local\n  path: none/*.csv\n');
  for (const args of [['list'], ['show'], ['replay']]) {
    const { code, stdout } = await run(['quarantine', ...args, 'clean']);
    expect([args, code, stdout.includes('error')]).toEqual([args, 0, false]);
  }
});
