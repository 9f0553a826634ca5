import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import type { FormatWriter } from '../src/model/component.ts';
import type { Column } from '../src/model/type.ts';
import * as registry from '../src/registry.ts';
import { ALL_ROWS, ALL_TYPES, INFINITE } from './all-types.ts';
import { columns } from './destination-driver.ts';

let folder: string;
let engine: OwnedEngine;
let count = 0;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-writers-'));
  engine = await openEngine({ spool: folder, threads: 2, memory: 500_000_000 });
});
afterAll(() => {
  engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const texts = (cols: readonly Column[]) => cols.map((c) => `CAST("${c.name.replaceAll('"', '""')}" AS VARCHAR)`);
const rowsOf = (sql: string, cols: readonly Column[]) =>
  engine.rows(`SELECT [${texts(cols).join(', ')}]::VARCHAR AS row FROM (${sql}) ORDER BY "${cols[0]?.name}"`);

/** How the engine shows what was written, with JSON in one spelling. */
const same = (sql: string) => sql.replaceAll(/CAST\("j" AS VARCHAR\)/g, 'CAST(json("j") AS VARCHAR)');

interface Options {
  partitionBy?: string[];
  fileSize?: number;
}

async function write(writer: FormatWriter, sql: string, cols: readonly Column[], options: Options = {}) {
  const out = join(folder, `w${++count}`);
  const { partitionBy = [], fileSize = null } = options;
  const request = { sql, columns: cols, folder: out, name: 'part-00003', partitionBy, fileSize };
  const { rows, files } = await writer.write(engine, request);
  const paths = files.map((f) => f.path);
  return {
    rows,
    paths,
    out,
    read:
      paths.length > 0
        ? await writer.read(
            files.map((f) => join(out, f.path)),
            cols,
            folder,
          )
        : '',
  };
}

describe.each(Object.entries(registry.writers))('%s', (_, { load }) => {
  let writer: FormatWriter;
  beforeAll(async () => {
    writer = await load();
  });

  test('every type comes back as it was', async () => {
    const { rows, paths, read } = await write(writer, ALL_ROWS, ALL_TYPES);
    expect(rows).toBe(5);
    expect(paths).toEqual([`part-00003-00000${writer.extension}`]);
    // The engine's own JSON reader, which serves for a look, rounds long decimals.
    const cols = ALL_TYPES.filter((c) => writer.extension !== '.ndjson' || (c.name !== 'd' && c.name !== 'whole'));
    expect(await engine.rows(same(`SELECT ${texts(cols).join(', ')} FROM (${read}) ORDER BY id`))).toEqual(
      await engine.rows(same(`SELECT ${texts(cols).join(', ')} FROM (${ALL_ROWS}) ORDER BY id`)),
    );
  });

  test('infinity and NaN come back, or the writer says where they stand', async () => {
    const written = await write(writer, INFINITE, ALL_TYPES).catch((error) => error);
    if (written instanceof Error)
      expect(written).toMatchObject({ code: 'destination/bad-value', kind: 'data', where: { row: 1, column: 'day' } });
    else expect(await rowsOf(written.read, ALL_TYPES)).toEqual(await rowsOf(INFINITE, ALL_TYPES));
    const doubles = ALL_TYPES.filter((c) => c.name === 'id' || c.name === 'f');
    const { read } = await write(writer, `SELECT id, f FROM (${INFINITE})`, doubles);
    expect(await rowsOf(read, doubles)).toEqual(await rowsOf(INFINITE, doubles));
  });

  test('no rows make a file that has the columns', async () => {
    const { rows, read } = await write(writer, `${ALL_ROWS} WHERE false`, ALL_TYPES);
    expect(rows).toBe(0);
    expect(await engine.rows(read)).toEqual([]);
  });

  test('U+0000 and years before 1 come back', async () => {
    const cols = columns({ id: 'int', s: 'text', ts: 'timestamp', tz: 'timestamptz', day: 'date' });
    const sql = `SELECT 1::INT AS id, 'a' || chr(0) || 'b' AS s, TIMESTAMP '0044-03-15 (BC) 10:00:00' AS ts, TIMESTAMPTZ '0044-03-15 (BC) 10:00:00+00' AS tz, DATE '0044-03-15 (BC)' AS day`;
    const { read } = await write(writer, sql, cols);
    expect(await rowsOf(read, cols)).toEqual(await rowsOf(sql, cols));
  });

  test('values make folders, odd ones too, and the columns stay in the files', async () => {
    const cols = columns({ id: 'int', region: 'text', day: 'date' });
    const sql = `SELECT range::INT AS id, [NULL, '', 'North West', '50%/a', 'Größe', '../x'][range % 6 + 1] AS region, DATE '2026-01-01' + (range % 2)::INT AS day FROM range(60)`;
    const { rows, paths, read } = await write(writer, sql, cols, { partitionBy: ['region', 'day'] });
    expect(rows).toBe(60);
    expect(paths.length).toBeGreaterThanOrEqual(6);
    expect(paths.every((p) => /^region=[^/]*\/day=2026-01-0[12]\/part-00003-\d{5}\.\w+$/.test(p))).toBe(true);
    expect(paths.some((p) => p.split('/').includes('..'))).toBe(false);
    expect(await rowsOf(read, cols)).toEqual(await rowsOf(sql, cols));
  });

  test('a file size makes several files of all rows', async () => {
    const cols = columns({ id: 'int', s: 'text' });
    const sql = `SELECT range::INT AS id, md5(range::VARCHAR) || md5((range + 1)::VARCHAR) AS s FROM range(400000)`;
    const { rows, paths, read } = await write(writer, sql, cols, { fileSize: 4_000_000 });
    expect(rows).toBe(400_000);
    expect(paths.length).toBeGreaterThan(1);
    const [sum] = await engine.rows(
      `SELECT count(*) AS n, count(DISTINCT id) AS d, sum(id)::VARCHAR AS s FROM (${read})`,
    );
    expect(sum).toEqual({ n: '400000', d: '400000', s: '79999800000' });
  });
});

test('NDJSON and CSV are as others expect them', async () => {
  const { json, csv } = registry.writers;
  const cols = columns({
    id: 'int',
    day: 'date',
    tz: 'timestamptz',
    f: 'double',
    s: 'text',
    st: 'struct<d: decimal(5,2)>',
  });
  const sql = `SELECT 1::INT AS id, DATE '1975-05-11' AS day, TIMESTAMPTZ '2026-01-02 03:04:05.5+02' AS tz, 'nan'::DOUBLE AS f, 'a"b' || chr(10) AS s, {'d': 0.10::DECIMAL(5,2)} AS st`;
  const lines = await write(await json!.load(), sql, cols);
  expect(readFileSync(join(lines.out, lines.paths[0]!), 'utf8')).toBe(
    '{"id":1,"day":"1975-05-11","tz":"2026-01-02T01:04:05.5Z","f":"NaN","s":"a\\"b\\n","st":{"d":0.10}}\n',
  );
  const table = await write(await csv!.load(), sql, cols);
  expect(readFileSync(join(table.out, table.paths[0]!), 'utf8')).toBe(
    'id,day,tz,f,"s","st"\n1,1975-05-11,2026-01-02T01:04:05.5Z,nan,"a""b\n","{""d"":0.10}"\n',
  );
});
