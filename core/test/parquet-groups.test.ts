import { mkdir, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fields, thrift } from '../src/columnar/thrift.ts';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import { prepare } from '../src/engine/prepare.ts';
import { wantedRows } from '../src/engine/wanted.ts';
import { readFooter } from '../src/formats/parquet/footer.ts';
import { fetchParts } from '../src/formats/parquet/parts.ts';
import { parquet } from '../src/formats/parquet/reader.ts';
import type { LocalFile } from '../src/model/component.ts';
import { ident, literal } from '../src/model/sql.ts';
import { jobOf } from './compiled.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { FakeS3 } from './fake-s3.ts';

const GROUP = 2048;
const GROUPS = 6;
const COLUMNS = `
  i::INTEGER AS a,
  CASE WHEN i % 7 = 0 OR i BETWEEN 4096 AND 6143 THEN NULL ELSE i * 1000000007 END AS b,
  CASE WHEN i % 5 = 0 THEN NULL ELSE 'k' || lpad((i // 3)::VARCHAR, 5, '0') || CASE WHEN i % 2 = 0 THEN 'é' ELSE '' END END AS s,
  ((i - 6000) / 100)::DECIMAL(12,2) AS d,
  DATE '2023-06-01' + (i // 40)::INTEGER AS dt,
  TIMESTAMP '1969-12-31 12:00:00.000001' + INTERVAL (i * 7) SECOND AS ts,
  TIMESTAMPTZ '2024-03-31 00:00:00+00' + INTERVAL (i) MINUTE AS tz,
  CASE WHEN i % 100 = 0 THEN 'nan'::DOUBLE ELSE i / 8 END AS f,
  i::UINTEGER AS u`;

let engine: OwnedEngine;
/** As in a run: what reads the rows has not seen the file before it was complete. */
let fetcher: OwnedEngine;
let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-groups-'));
  await mkdir(join(folder, 'spool'));
  engine = await openEngine({ spool: join(folder, 'spool'), threads: 2, memory: 1_000_000_000 });
  await mkdir(join(folder, 'parts'));
  fetcher = await openEngine({ spool: join(folder, 'parts'), threads: 1, memory: 64_000_000 });
});
afterAll(async () => {
  engine.close();
  fetcher.close();
  await rm(folder, { recursive: true });
});

async function written(order: string, name: string): Promise<LocalFile> {
  const path = join(folder, name);
  const rows = `SELECT ${COLUMNS} FROM (SELECT i FROM range(${GROUP * GROUPS}) t(i) ORDER BY ${order})`;
  await engine.run(`COPY (${rows}) TO ${literal(path)} (FORMAT parquet, ROW_GROUP_SIZE ${GROUP})`);
  return { path, name, size: (await stat(path)).size, modified_at: null, ordinal: 0 };
}

const CONFIG = 'version: 1\nname: shop\n';

async function planOf(file: LocalFile, filter: string, columns = '') {
  const source = 'source:\n  type: local\n  path: a.parquet\n  format: parquet\n';
  const [stream] = jobOf(CONFIG, `name: j\n${source}${columns}transform:\n  - filter: |-\n      ${filter}\n`).streams;
  if (!stream) throw new Error('no stream');
  return { stream, plan: await prepare(engine, { stream, files: [file], table: null }) };
}

/** What would be fetched of a file that lies elsewhere: the file, how many bytes it took, and how many rows it lacks. */
async function fetched(whole: LocalFile, filter: string) {
  const { stream, plan } = await planOf(whole, filter);
  const test = await wantedRows(engine, { stream, plan, checkpoint: null, window: null });
  const path = join(folder, `sparse-${made++}.parquet`);
  await writeFile(path, '');
  await truncate(path, whole.size);
  const bytes = await readFile(whole.path);
  let got = 0;
  const columns = plan.sniffed.columns.map(({ name }) => name);
  const file: LocalFile = { ...whole, path };
  const skipped = await fetchParts(file, { columns, test }, fetcher, async (ranges) => {
    const handle = await open(path, 'r+');
    for (const [from, to] of ranges) got += (await handle.write(bytes, from, to - from, from)).bytesWritten;
    await handle.close();
  });
  const lacking = skipped.reduce((sum, [from, to]) => sum + to - from, 0);
  return { file: { ...file, skipped }, plan, got, lacking };
}

/** Rows and a sum over all that they hold, of those that a filter lets through. */
async function summed(file: LocalFile, filter: string, plan: Awaited<ReturnType<typeof planOf>>['plan']) {
  const scan = await parquet.scan([file], plan.sniffed, {}, engine, { rowNumbers: true, skipBadRows: false });
  const names = [...plan.sniffed.columns.map(({ name }) => ident(name)), '_row'].join(', ');
  const [all] = await engine.rows(`SELECT count(*)::INTEGER AS n FROM (${scan.sql})`);
  const [kept] = await engine.rows(
    `SELECT count(*)::INTEGER AS n, sum(hash(${names}))::VARCHAR AS sum, min(_row) AS first, max(_row) AS last FROM (${scan.sql}) WHERE (${filter})`,
  );
  return { all: Number(all?.n), kept };
}

const whole = fc.integer({ min: -50, max: GROUP * GROUPS + 50 });
const leaf = fc
  .tuple(
    fc.constantFrom('a', 'b', 's', 'd', 'dt', 'ts', 'tz', 'f', 'u'),
    fc.constantFrom('<', '<=', '=', '>=', '>', '<>'),
    whole,
  )
  .chain(([column, compare, i]) => {
    const at = {
      a: `${i}`,
      b: `${i * 1_000_000_007}`,
      s: `'k${String(Math.max(0, i)).padStart(5, '0')}'`,
      d: `${((i - 6000) / 100).toFixed(2)}`,
    };
    const day = new Date(Date.UTC(2023, 5, 1) + Math.floor(i / 40) * 86_400_000).toISOString().slice(0, 10);
    const moment = new Date(Date.UTC(1969, 11, 31, 12) + i * 7000).toISOString().slice(0, 19).replace('T', ' ');
    const instant = new Date(Date.UTC(2024, 2, 31) + i * 60_000).toISOString();
    const values: Record<string, string[]> = {
      ...Object.fromEntries(Object.entries(at).map(([name, value]) => [name, [value]])),
      a: [`${i}`, `${i}.5`],
      dt: [`'${day}'`, `DATE '${day}'`, `TIMESTAMP '${day} 12:00:00'`],
      ts: [`'${moment}'`, `TIMESTAMP '${moment}.000001'`, `'${moment}'::TIMESTAMP`],
      tz: [`'${instant}'`, `TIMESTAMPTZ '${instant}'`],
      f: [`${i / 8}`],
      u: [`${Math.max(0, i)}`],
    };
    const value = fc.constantFrom(...(values[column] ?? []));
    return fc.oneof(
      { weight: 6, arbitrary: value.map((one) => `${column} ${compare} ${one}`) },
      { weight: 1, arbitrary: value.map((one) => `${one} ${compare} ${column}`) },
      { weight: 1, arbitrary: fc.tuple(value, value).map(([x, y]) => `${column} BETWEEN ${x} AND ${y}`) },
      { weight: 1, arbitrary: fc.tuple(value, value).map(([x, y]) => `${column} IN (${x}, ${y})`) },
      { weight: 1, arbitrary: fc.constantFrom(`${column} IS NULL`, `${column} IS NOT NULL`) },
      { weight: 1, arbitrary: value.map((one) => `coalesce(${column} ${compare} ${one}, true)`) },
    );
  });
const condition: fc.Arbitrary<string> = fc.letrec<{ one: string }>((tie) => ({
  one: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(tie('one'), fc.constantFrom('AND', 'OR'), tie('one')).map(([a, word, b]) => `(${a} ${word} ${b})`),
    tie('one').map((a) => `NOT (${a})`),
  ),
})).one;

describe('row groups that hold no wanted row', () => {
  it.each(['i', 'hash(i)'])(
    'are left out of a file ordered by %s, and what is wanted stays as it is',
    async (order) => {
      const file = await written(order, `by-${made++}.parquet`);
      let left = 0;
      await fc.assert(
        fc.asyncProperty(condition, async (filter) => {
          const some = await fetched(file, filter);
          const [got, expected] = [await summed(some.file, filter, some.plan), await summed(file, filter, some.plan)];
          expect(got.kept).toEqual(expected.kept);
          expect(got.all + some.lacking).toBe(expected.all);
          left += some.lacking;
          await rm(some.file.path);
        }),
        { numRuns: 60, seed: 7 },
      );
      // By chance alone no group of the second file is without a wanted row, but where the filter lets nothing through.
      expect(left).toBeGreaterThan(0);
    },
  );

  it.each([
    ['a >= 4096 AND a < 6144', 1],
    ["s > 'k04000'", 1],
    ['d = 12.34', 1],
    ["dt = '2023-07-01'", 1],
    ["ts < TIMESTAMP '1970-01-01 00:00:00'", 4],
    ["tz >= '2024-04-08T00:00:00Z'", 1],
    ['b IS NOT NULL', 5],
    ['a < 0', 0],
    ['f < 0', 6],
    ['u > 100000', 6],
    ['a + 0 < 0', 6],
    ['a < 0 OR abs(a) = 3', 6],
  ])('%s keeps %i groups', async (filter, kept) => {
    const file = await written('i', `kept-${made++}.parquet`);
    expect((await fetched(file, filter)).lacking).toBe((GROUPS - kept) * GROUP);
  });

  it.each([
    ['a value may break its declared type', '  - name: s\n    type: int\n'],
    ['a value may be missing', '  - name: b\n    nullable: false\n'],
  ])('are all kept where %s: bad rows count', async (_, columns) => {
    const file = await written('i', `bad-${made++}.parquet`);
    const { stream, plan } = await planOf(file, 'a < 0', `columns:\n${columns}`);
    expect(await wantedRows(engine, { stream, plan, checkpoint: null, window: null })).toBeNull();
  });

  it('are known by bounds in the order of the type, or of old writers by those of numbers with a sign', () => {
    const text = {
      element: [
        [1, { i32: 6 }],
        [4, { text: 's' }],
        [6, { i32: 0 }],
      ],
      low: 'a',
      high: 'b',
    } as const;
    const number = {
      element: [
        [1, { i32: 1 }],
        [4, { text: 'n' }],
      ],
      low: '\0\0\0\0',
      high: '\x01\0\0\0',
    } as const;
    const bounds = (fields: 'old' | 'new', orders: Fields[]) => {
      const [high, low] = fields === 'old' ? [1, 2] : [5, 6];
      const chunk = (column: typeof text | typeof number): Fields => [
        [
          3,
          {
            struct: [
              [3, { texts: [column.element[1][1].text] }],
              [
                12,
                {
                  struct: [
                    [high, { text: column.high }],
                    [low, { text: column.low }],
                  ] as Fields,
                },
              ],
            ],
          },
        ],
      ];
      const root: Fields = [
        [4, { text: 'root' }],
        [5, { i32: 2 }],
      ];
      const bytes = thrift([
        [2, { structs: [root, text.element, number.element] }],
        [3, { i64: 9 }],
        [
          4,
          {
            structs: [
              [
                [1, { structs: [chunk(text), chunk(number)] }],
                [3, { i64: 9 }],
              ],
            ],
          },
        ],
        [7, orders.length > 0 ? { structs: orders } : null],
      ]);
      const [group] = readFooter(bytes).groups;
      return ['s', 'n'].map((name) => group?.bounds.get(name)?.lowest?.toString() ?? null);
    };
    const byType: Fields = [[1, { struct: [] }]];
    const unknown: Fields = [[2, { struct: [] }]];
    expect(bounds('old', [byType, byType])).toEqual([null, number.low]);
    expect(bounds('old', [])).toEqual([null, number.low]);
    expect(bounds('new', [byType, byType])).toEqual([text.low, number.low]);
    expect(bounds('new', [unknown, byType])).toEqual([null, number.low]);
    expect(bounds('new', [])).toEqual([null, null]);
  });
});

describe('a run over a ranged source', () => {
  let s3: FakeS3;
  let project: EngineProject;
  beforeAll(async () => {
    s3 = await FakeS3.start();
    project = await engineProject({ KEY: 'key' });
    const path = join(folder, 'wide.parquet');
    const rows = `SELECT i AS id, TIMESTAMP '2026-01-01' + INTERVAL (i) MINUTE AS at, md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS filler FROM range(${GROUP * 20}) t(i)`;
    await engine.run(
      `COPY (${rows}) TO ${literal(path)} (FORMAT parquet, ROW_GROUP_SIZE ${GROUP}, COMPRESSION uncompressed)`,
    );
    s3.put('in/2026/wide.parquet', await readFile(path));
  });
  afterAll(async () => {
    await s3.stop();
    await project.close();
  });

  const job = (name: string, more: string, path = 'in/*/*.parquet') => `
name: ${name}
source:
  type: s3
  endpoint: ${s3.url}
  bucket: lake
  access_key_id: \${env:KEY}
  secret_access_key: \${env:KEY}
  path: ${path}
columns:
  - name: line
    metadata: row_number
${more}`;

  it('fetches the groups that a filter may keep, numbers rows as in the file and counts all of them', async () => {
    s3.sent = 0;
    const yaml = job('filtered', 'transform:\n  - filter: id between 30000 and 30010\n');
    const { counts } = await project.ok(yaml);
    expect(counts).toMatchObject({ rows_read: GROUP * 20, rows_filtered: GROUP * 20 - 11, rows_written: 11 });
    expect(await project.rows(yaml, 'SELECT min(id), max(id), min(line - id), max(line - id) FROM filtered')).toEqual([
      ['30000', '30010', '1', '1'],
    ]);
    expect(s3.sent).toBeLessThan((s3.objects.get('in/2026/wide.parquet')?.body.length ?? 0) / 3);
  });

  it('fetches the groups of a window alone', async () => {
    const yaml = job(
      'windowed',
      'incremental:\n  type: window\n  column: at\n  every: day\ndestination:\n  write_disposition: replace\n',
      'in/${window:start|%Y}/*.parquet',
    );
    s3.sent = 0;
    const { counts, error } = await project.run(yaml, {
      window: { from: '2026-01-03T00:00:00Z', to: '2026-01-04T00:00:00Z' },
    });
    expect(error).toBeNull();
    expect(counts).toMatchObject({ rows_read: GROUP * 20, rows_written: 1440 });
    expect(s3.sent).toBeLessThan((s3.objects.get('in/2026/wide.parquet')?.body.length ?? 0) / 3);
  });

  it('fetches what is new by a cursor', async () => {
    const yaml = job('cursored', 'incremental:\n  type: cursor\n  column: at\n  lookback: 10m\n');
    const first = await project.ok(yaml);
    s3.sent = 0;
    const second = await project.ok(yaml);
    expect(first.counts.rows_written).toBe(GROUP * 20);
    expect(second.counts).toMatchObject({ rows_read: GROUP * 20, rows_written: 0 });
    expect(second.checkpoint).toEqual(first.checkpoint);
    expect(s3.sent).toBeLessThan((s3.objects.get('in/2026/wide.parquet')?.body.length ?? 0) / 3);
  });
});
