import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectUserSql } from '../src/engine/cage/inspect.ts';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import { hiddenColumns } from '../src/model/columns.ts';
import type { Check, Transform } from '../src/model/component.ts';
import type { CheckStep } from '../src/model/job.ts';
import type { JsonObject } from '../src/model/json.ts';
import { ident } from '../src/model/sql.ts';
import type { Column } from '../src/model/type.ts';
import * as registry from '../src/registry.ts';
import * as specs from '../src/specs.ts';
import { exampleSettings, innerSchemas, sqlPlaces } from './step-examples.ts';

/** What every transform and check keeps to, whatever it does: run over each example of its spec. */

const ROWS = 240;
let spool: string;
let engine: OwnedEngine;
let columns: Column[];

/** Columns that the examples name. A new component whose examples need others adds them here. */
const RELATION = `
  SELECT
    i AS id, (i * 7) % 40 AS customer_id, CASE WHEN i % 11 = 0 THEN NULL ELSE (i * 7) % 50 END AS invoice_id, i % 3 AS line_no,
    CASE i % 4 WHEN 0 THEN 'XX' WHEN 1 THEN 'DE' WHEN 2 THEN 'FR' END AS country,
    CASE i % 5 WHEN 0 THEN 'paid' WHEN 1 THEN 'open' ELSE 'void' END AS status,
    CASE WHEN i % 13 = 0 THEN NULL ELSE (i % 17) - 2.5 END::DECIMAL(12,2) AS amount,
    (i % 9)::DOUBLE AS gross, 'first' || i % 7 AS "first", 'last' || i % 3 AS "last",
    CASE WHEN i % 6 = 0 THEN NULL ELSE 'm' || i % 90 || '@example.com' END AS email,
    TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (i % 20) HOUR AS updated_at,
    DATE '2024-01-01' + (i % 30)::INTEGER AS ordered_at, DATE '2024-01-05' + (i % 28)::INTEGER AS shipped_at,
    CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN [] ELSE ['a' || i % 2, 'b'] END::VARCHAR[] AS tags,
    CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN [] ELSE [{'sku': 's' || i % 2, 'quantity': i % 3}] END
      ::STRUCT(sku VARCHAR, quantity BIGINT)[] AS items,
    CASE i % 5 WHEN 0 THEN NULL ELSE {'street': 's' || i % 4, 'city': 'c' || i % 2} END::STRUCT(street VARCHAR, city VARCHAR) AS address,
    (i // 80)::INTEGER AS _sluice_file, (i % 80 + 1)::BIGINT AS _sluice_row, NULL::VARCHAR AS _sluice_reject
  FROM range(${ROWS}) r(i)`;

beforeAll(async () => {
  spool = mkdtempSync(join(tmpdir(), 'sluice-steps-'));
  engine = await openEngine({ spool, threads: 2, memory: 300_000_000 });
  await engine.run(`CREATE TABLE whole AS ${RELATION}`);
  await engine.run('CREATE TABLE shuffled AS SELECT * FROM whole ORDER BY hash(id)');
  columns = await engine.describe('SELECT * FROM whole');
});

afterAll(() => {
  engine.close();
  rmSync(spool, { recursive: true, force: true });
});

/** The statement with `input` bound, as the engine does it. */
function over(input: string, sql: string): string {
  return `SELECT * FROM (WITH "input" AS NOT MATERIALIZED (${input}) ${sql})`;
}

/** A relation's rows as sorted texts: equal where the rows are. */
async function rowsOf(...statements: string[]): Promise<string[]> {
  const all: string[] = [];
  for (const sql of statements) for (const row of await engine.rows(sql)) all.push(JSON.stringify(row));
  return all.sort();
}

/** Splits as tasks may get them: by file, and within one file. */
const SPLITS = [
  'SELECT * FROM whole WHERE _sluice_file = 0 AND _sluice_row <= 31',
  'SELECT * FROM whole WHERE _sluice_file = 0 AND _sluice_row > 31',
  'SELECT * FROM whole WHERE _sluice_file = 1',
  'SELECT * FROM whole WHERE false',
  'SELECT * FROM whole WHERE _sluice_file = 2',
];

function partitions(keys: readonly string[]): string[] {
  const hash = `hash(${keys.map((key) => ident(key)).join(', ')}) % 5`;
  return [0, 1, 2, 3, 4].map((n) => `SELECT * FROM shuffled WHERE ${hash} = ${n}`);
}

describe.each(Object.keys(specs.transforms))('transform %s', (type) => {
  const spec = specs.transforms[type]!;
  let transform: Transform;
  beforeAll(async () => {
    transform = await registry.transforms[type]!.load();
  });

  it('documents every setting', () => {
    expectDocumented(spec.settings);
  });

  it('tells the cage of all user SQL', () => {
    const texts: string[] = [];
    const { value, places } = sqlPlaces(spec.settings, () => {
      texts.push(`sentinel_${texts.length}`);
      return texts.at(-1)!;
    });
    const told = transform.userSql(value as JsonObject).map((entry) => entry.sql);
    expect(told).toHaveLength(places);
    expect(told.sort()).toEqual(texts.sort());
  });

  describe.each(exampleSettings(spec))('$yaml', ({ settings }) => {
    it('passes the cage, in the scope that it says', async () => {
      const scopes = ['row'];
      for (const { sql, form } of transform.userSql(settings)) {
        const found = await inspectUserSql(engine, sql, form, { columns });
        scopes.push(found.scope);
      }
      if (spec.capabilities.scope === 'sql')
        expect(transform.scope(settings)).toBe(scopes.includes('run') ? 'run' : 'row');
      else expect(transform.scope(settings)).toBe(spec.capabilities.scope);
    });

    it('states its columns before a row is read, and takes no rows', async () => {
      const sql = transform.sql(settings, columns);
      const empty = over('SELECT * FROM whole WHERE false', sql);
      expect(await engine.describe(empty)).toEqual(await engine.describe(over('SELECT * FROM whole', sql)));
      await engine.rows(empty);
    });

    it('lets the hidden columns through, or says where it cannot', async () => {
      const after = hiddenColumns(await engine.describe(over('SELECT * FROM whole', transform.sql(settings, columns))));
      if (type === 'sql') expect(after).toEqual([]);
      else expect(after).toEqual(expect.arrayContaining(hiddenColumns(columns)));
    });

    it('gives the same rows however the input is cut or ordered', async () => {
      const sql = transform.sql(settings, columns);
      const whole = await rowsOf(over('SELECT * FROM whole', sql));
      expect(await rowsOf(over('SELECT * FROM shuffled', sql))).toEqual(whole);
      if (transform.scope(settings) === 'row')
        expect(await rowsOf(...SPLITS.map((split) => over(split, sql)))).toEqual(whole);
      const keys = transform.partitionKey?.(settings) ?? null;
      if (keys) expect(await rowsOf(...partitions(keys).map((part) => over(part, sql)))).toEqual(whole);
      if (transform.keepsRows) expect(whole).toHaveLength(ROWS);
    });
  });
});

describe.each(Object.keys(specs.checks))('check %s', (type) => {
  const spec = specs.checks[type]!;
  let check: Check;
  beforeAll(async () => {
    check = await registry.checks[type]!.load();
  });

  it('documents every setting', () => {
    expectDocumented(spec.settings);
  });

  it('tells the cage of all user SQL', () => {
    const { value, places } = sqlPlaces(spec.settings, () => 'sentinel');
    expect(check.userSql(stepOf(type, value as JsonObject))).toHaveLength(places);
  });

  describe.each(exampleSettings(spec))('$yaml', ({ settings }) => {
    const step = stepOf(type, settings);

    it('passes the cage, in the scope that it says', async () => {
      const scopes = ['row'];
      for (const { sql, form } of check.userSql(step))
        scopes.push((await inspectUserSql(engine, sql, form, { columns })).scope);
      if (spec.capabilities.scope === 'sql') expect(check.scope(step)).toBe(scopes.includes('run') ? 'run' : 'row');
      else expect(check.scope(step)).toBe(spec.capabilities.scope);
      expect(check.failing ?? check.verdict).toBeDefined();
      expect(check.describe(step).length).toBeGreaterThan(3);
    });

    it('finds the same failing rows however the input is cut or ordered', async () => {
      const failing = check.failing?.(step, columns);
      if (failing === undefined) return;
      const found = (input: string) =>
        `SELECT id FROM (SELECT id, ${failing} AS failing FROM (${input})) WHERE failing ORDER BY id`;
      const [column] = await engine.describe(`SELECT ${failing} AS failing FROM whole`);
      expect(column?.type).toEqual({ kind: 'boolean' });
      expect(await rowsOf(found('SELECT * FROM whole WHERE false'))).toEqual([]);
      const whole = await rowsOf(found('SELECT * FROM whole'));
      expect(await rowsOf(found('SELECT * FROM shuffled'))).toEqual(whole);
      if (check.scope(step) === 'row') expect(await rowsOf(...SPLITS.map(found))).toEqual(whole);
      const keys = check.partitionKey?.(step) ?? null;
      if (keys) expect(await rowsOf(...partitions(keys).map(found))).toEqual(whole);
    });

    it('gives one verdict over all rows, and over none', async () => {
      if (!check.verdict || check.scope(step) === 'row') return;
      for (const input of ['whole', 'shuffled', '(SELECT * FROM whole WHERE false)']) {
        const sql = over(`SELECT * FROM ${input}`, check.verdict(step, columns, '2024-02-01T00:00:00Z'));
        const types = await engine.describe(sql);
        expect(types.map((c) => [c.name, c.type.kind])).toEqual([
          ['failed', 'boolean'],
          ['detail', 'text'],
        ]);
        const rows = await engine.rows(sql);
        expect(rows).toHaveLength(1);
        const [{ n } = { n: 0 }] = await engine.rows(`SELECT count(*) AS n FROM ${input}`);
        if (check.byCount) expect(check.byCount(step, Number(n))).toEqual(rows[0]);
      }
    });
  });
});

function stepOf(type: string, settings: JsonObject): CheckStep {
  const { on_failure } = settings;
  return { type, settings, column: 'email', on_failure: (on_failure ?? 'fail') as CheckStep['on_failure'] };
}

function expectDocumented(settings: (typeof specs.transforms)[string]['settings']): void {
  for (const { path, schema } of innerSchemas(settings)) {
    expect(schema.title, path).toBeTruthy();
    expect(schema.description, path).toBeTruthy();
    if (schema.type !== 'boolean') expect(schema.examples?.length, path).toBeGreaterThan(0);
  }
}
