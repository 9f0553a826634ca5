import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import { guardedCast, plainRule } from '../../engine/typing/cast.ts';
import type { CastRule } from '../../engine/typing/guard.ts';
import { inferTypes } from '../../engine/typing/infer.ts';
import { verifyTypes } from '../../engine/typing/widen.ts';
import type { LocalFile, Scan, Sniffed } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import { ident } from '../../model/sql.ts';
import { type DataType, formatType, parseType } from '../../model/type.ts';
import { csv } from './reader.ts';

let engine: OwnedEngine;
let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-csv-typed-'));
  await mkdir(join(folder, 'spool'));
  engine = await openEngine({ spool: join(folder, 'spool'), threads: 2, memory: 1_000_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

/** A scan that was confirmed by the number of its rows. */
async function sureScan(files: LocalFile[], sniffed: Sniffed, settings: JsonObject): Promise<Scan> {
  for (;;) {
    const scan = await csv.scan(files, sniffed, settings, engine, { rowNumbers: false, skipBadRows: false });
    if (!scan.confirm) return scan;
    const [row] = await engine.rows(`SELECT count(*)::INTEGER AS n FROM (${scan.sql})`);
    if (await scan.confirm(Number(row?.n))) return scan;
  }
}

/** A file read as a run does: types of a sample, widened where a later value breaks them, declared ones as they are. */
async function load(
  bytes: string,
  settings: JsonObject = {},
  declared: Record<string, Partial<CastRule> & { as: string }> = {},
) {
  const path = join(folder, `t${made++}.csv`);
  await writeFile(path, bytes);
  const file: LocalFile = { path, name: 't.csv', size: bytes.length, modified_at: null, ordinal: 0 };
  const sniffed = await csv.sniff([file], settings, engine);
  const options = { rowNumbers: false, skipBadRows: false };
  const sample = await csv.scan([file], sniffed, settings, engine, { ...options, limit: 1000 });
  const inferred = await inferTypes(engine, sample.sql, sniffed.columns);
  const scan = await sureScan([file], sniffed, settings);
  const open = inferred.filter((column) => !declared[column.name]);
  const wider = new Map((await verifyTypes(engine, scan.sql, open)).map((column) => [column.name, column.type]));
  const rules = inferred.map((column) => {
    const { as, ...rest } = declared[column.name] ?? { as: null };
    const type: DataType = as === null ? (wider.get(column.name) ?? column.type) : (parseType(as) as DataType);
    return { name: column.name, rule: { ...plainRule(type, as === null), ...rest } };
  });
  const items = rules.map(
    ({ name, rule }) => `${guardedCast(ident(name), null, rule).checked("error('bad')")} AS ${ident(name)}`,
  );
  await engine.run(`CREATE OR REPLACE TEMP TABLE loaded AS SELECT ${items.join(', ')} FROM (${scan.sql})`);
  return {
    types: Object.fromEntries(rules.map(({ name, rule }) => [name, formatType(rule.type)])),
    ambiguous: inferred.filter((column) => column.ambiguousDate).map((column) => column.name),
    rows: (sql: string) => engine.rows(sql),
  };
}

it('keeps leading zeros of codes', async () => {
  const got = await load('plant,zip,qty\nA1,02134,5\nA2,"00501",7\nA3,94107,9\n');
  expect(got.types).toEqual({ plant: 'text', zip: 'text', qty: 'bigint' });
  expect(
    await got.rows("SELECT string_agg(zip, ' ' ORDER BY plant) AS zips, sum(qty)::INTEGER AS qty FROM loaded"),
  ).toEqual([{ zips: '02134 00501 94107', qty: 21 }]);
});

it('keeps a leading zero that comes long after the sample', async () => {
  const lines = Array.from({ length: 30_000 }, (_, i) => `A${i},9${String(i % 10_000).padStart(4, '0')},1\n`);
  const got = await load(`plant,zip,qty\n${lines.join('')}Z,02134,5\n`);
  expect(got.types).toEqual({ plant: 'text', zip: 'text', qty: 'bigint' });
  expect(
    await got.rows(
      "SELECT count(*)::INTEGER AS n, sum(qty)::INTEGER AS qty, max(zip) FILTER (plant = 'Z') AS zip FROM loaded",
    ),
  ).toEqual([{ n: 30_001, qty: 30_005, zip: '02134' }]);
});

it('reads decimal commas, thousands and dates with the day first exactly', async () => {
  const got = await load(
    'meter;value;at\nM1;1.234,50;31/12/2023\nM2;-0,75;01/02/2024\nM3;12.345.678,9;29/02/2024\n',
    { delimiter: ';', decimal: ',', thousands: '.' },
    { value: { as: 'decimal(18,2)', decimal: ',', thousands: '.' }, at: { as: 'date', format: '%d/%m/%Y' } },
  );
  expect(
    await got.rows(
      "SELECT string_agg(value::VARCHAR, ' ' ORDER BY meter) AS v, sum(value)::VARCHAR AS sum FROM loaded",
    ),
  ).toEqual([{ v: '1234.50 -0.75 12345678.90', sum: '12346912.65' }]);
  expect(await got.rows('SELECT "at"::VARCHAR AS "at" FROM loaded ORDER BY meter')).toEqual([
    { at: '2023-12-31' },
    { at: '2024-02-01' },
    { at: '2024-02-29' },
  ]);
});

it('guesses no order of day and month', async () => {
  const silent = await load('n,d\n1,03/04/2024\n2,05/06/2024\n');
  expect([silent.types.d, silent.ambiguous]).toEqual(['text', ['d']]);
  const declared = await load(
    'n,d\n1,03/04/2024\n2,05/06/2024\n3,12/31/2024\n',
    {},
    { d: { as: 'date', format: '%m/%d/%Y' } },
  );
  expect(await declared.rows('SELECT d::VARCHAR AS d FROM loaded ORDER BY n')).toEqual([
    { d: '2024-03-04' },
    { d: '2024-05-06' },
    { d: '2024-12-31' },
  ]);
});

it('types a late quoted value like the ones before it', async () => {
  const got = await load(`city,temp\n${'oslo,7\n'.repeat(30_000)}"Bergen, Vest",9\n`);
  expect(got.types).toEqual({ city: 'text', temp: 'bigint' });
  expect(await got.rows('SELECT sum(temp)::INTEGER AS sum FROM loaded')).toEqual([{ sum: 210_009 }]);
});

it('keeps every value of a column in its own row', async () => {
  const start = Date.UTC(2026, 0, 1);
  const lines = Array.from(
    { length: 30_000 },
    (_, i) => `${i},${new Date(start + i * 3_600_000).toISOString().slice(0, 19)}\n`,
  );
  const got = await load(`id,ts\n${lines.join('')}`);
  expect(got.types).toEqual({ id: 'bigint', ts: 'timestamp' });
  const rows = await got.rows(
    'SELECT ts::VARCHAR AS ts FROM loaded WHERE id IN (24999, 25000, 29999) UNION ALL SELECT count(DISTINCT ts)::VARCHAR FROM loaded',
  );
  expect(rows.map((row) => row.ts)).toEqual([
    '2028-11-07 15:00:00',
    '2028-11-07 16:00:00',
    '2029-06-03 23:00:00',
    '30000',
  ]);
});
