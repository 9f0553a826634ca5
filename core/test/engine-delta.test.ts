import { realpathSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText } from '../src/model/json-sql.ts';
import { ident } from '../src/model/sql.ts';
import { formatType } from '../src/model/type.ts';
import { countWithPython, exact, makeWithPython, noDeltalake, type PythonTable, plain } from './deltalake.ts';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject({ S3_SECRET: 'secret' });
});
afterAll(() => project.close());

const lake = (name: string) => join(realpathSync(project.dir), 'lake', name);
const into = (name: string, more = '', source = `path: ${name}/*`) =>
  `name: ${name}\nsource:\n  type: local\n  ${source}\ndestination:\n  type: delta\n  path: lake/${name}\n${more}`;
const outOf = (name: string, more = '', format = 'format: delta') =>
  `name: back_${name}\nsource:\n  type: local\n  path: lake/${name}\n  ${format}\ndestination:\n  type: duckdb\n  path: back.duckdb\n${more}`;

/** A table of the warehouse in the spelling of `delta.py`. */
async function loaded(yaml: string, name: string): Promise<unknown[]> {
  const { columns } = await project.table(yaml, `SELECT * FROM ${name} LIMIT 0`);
  const fields = columns.map((c) => jsonText(ident(c.name), c.type));
  const rows = await project.rows(yaml, `SELECT ${fields.join(', ')} FROM ${name} ORDER BY ${ident(columns[0]!.name)}`);
  return rows.map((row) => Object.fromEntries(columns.map((c, i) => [c.name, plain(exact(row[i] ?? 'null'))])));
}

describe('a table that grows', () => {
  it('is followed by its log, and its changes are told', async () => {
    await project.file('events/1.csv', 'id,at\n1,2026-01-01 10:00:00\n2,2026-01-01 11:00:00\n');
    await project.ok(into('events'));
    const back = outOf('events');
    expect((await project.ok(back)).counts).toMatchObject({ rows_read: 2, rows_written: 2 });
    expect((await project.ok(back)).outcome).toMatchObject({ empty: true });
    await project.file('events/2.csv', 'id,at\n3,2026-01-02 10:00:00\n');
    await project.ok(into('events'));
    expect((await project.ok(back)).counts).toMatchObject({ rows_read: 1, rows_written: 1 });
    expect(await project.rows(back, 'SELECT id, "at"::VARCHAR FROM back_events ORDER BY id')).toEqual([
      ['1', '2026-01-01 10:00:00'],
      ['2', '2026-01-01 11:00:00'],
      ['3', '2026-01-02 10:00:00'],
    ]);
    const old = outOf('events', 'incremental:\n  type: none\n', 'format: {type: delta, version: 0}').replace(
      'back_',
      'old_',
    );
    await project.ok(old);
    expect(await project.rows(old, 'SELECT count(*) FROM old_events')).toEqual([['2']]);
    const none = old.replace('version: 0', 'version: 9').replace('old_', 'no_');
    expect((await project.run(none)).error).toMatchObject({ code: 'format/delta-version', kind: 'config' });
    await project.file('events/1.csv', 'id,at\n1,2026-01-01 10:00:01\n2,2026-01-01 11:00:00\n');
    await project.ok(
      into('events', '  write_disposition: merge\n  primary_key: [id]\n').replace('events/*', 'events/1.csv'),
    );
    const error = (await project.run(back)).error;
    expect(error).toMatchObject({ code: 'source/file-changed', kind: 'data' });
    expect(error?.message).toMatch(/Version \d+ of .*lake\/events changed or deleted rows/);
    const passed = await project.ok(
      back.replace('destination:', 'incremental:\n  type: files\n  on_change: ignore\ndestination:'),
    );
    expect(passed.logs.filter((l) => l.level === 'warn').map((l) => l.message)).toEqual([
      expect.stringMatching(/^A commit of .*passed over$/),
    ]);
  });
});

describe.skipIf(noDeltalake)('what another program wrote', () => {
  let tables: Awaited<ReturnType<typeof makeWithPython>>;
  beforeAll(async () => {
    await mkdir(join(project.dir, 'lake'), { recursive: true });
    tables = await makeWithPython(join(project.dir, 'lake'));
  });

  it.each([
    ['partitioned', 'appends, deletes and an update, partitions of texts, dates and nulls, every type'],
    ['evolved', 'a column that came later, and a compaction'],
    ['merged', 'a merge'],
    ['with_checkpoint', 'a checkpoint without the log before it'],
    ['in_parts', 'a checkpoint in parts'],
    ['v2_json', 'a checkpoint of version 2 in JSON, with a sidecar'],
    ['v2_parquet', 'a checkpoint of version 2 in Parquet, with a sidecar'],
    ['mapped', 'columns with other names in the files, one of them dropped'],
  ])('%s: %s', async (name) => {
    const back = outOf(name, '  write_disposition: replace\nincremental:\n  type: none\n');
    await project.ok(back);
    const rows = await loaded(back, `back_${name}`);
    expect(rows.length).toBeGreaterThan(2);
    expect(rows).toEqual((tables[name] as PythonTable).rows.map(plain));
  });

  it('types are those of the table, in its order', async () => {
    const back = outOf('partitioned', '  write_disposition: replace\nincremental:\n  type: none\n');
    const { columns } = await project.table(back, 'SELECT * FROM back_partitioned LIMIT 0');
    expect(Object.fromEntries(columns.map((c) => [c.name, formatType(c.type)]))).toEqual({
      id: 'bigint',
      region: 'text',
      day: 'date',
      amount: 'decimal(12,2)',
      wall: 'timestamp',
      inst: 'timestamptz',
      small: 'int',
      single: 'double',
      flag: 'boolean',
      raw: 'binary',
      tags: 'list<text>',
      nested: 'struct<a: bigint, b: struct<c: text>>',
    });
  });

  it('rows that deletion vectors take out are not read, by one task or several', async () => {
    for (const n of [1, 2]) {
      const workers = `compute:\n  workers:\n    min: ${n}\n    max: ${n}\n`;
      const back = outOf('vectors', `  write_disposition: replace\nincremental:\n  type: none\n${workers}`);
      const { counts } = await project.ok(back);
      expect(counts.rows_read).toBe(tables.vectors.count);
      const found = await project.rows(back, 'SELECT count(*), sum(id), count(DISTINCT id) FROM back_vectors');
      const { count, sum, own } = tables.vectors;
      expect([found, own]).toEqual([[[String(count), sum, String(count)]], count]);
    }
  });

  it('a table with deletion vectors is merged into: rows that are gone stay gone', async () => {
    const { count, sum } = tables.vectors;
    // 0 is there, 1 is deleted, 300000 is new: one row is written over, two come.
    await project.file('vectors_in/1.csv', 'id\n0\n1\n300000\n');
    const yaml = `name: vectors_in\nsource:\n  type: local\n  path: vectors_in/*\ndestination:\n  type: delta\n  path: lake/vectors\n  write_disposition: merge\n  primary_key: [id]\n`;
    expect((await project.ok(yaml)).counts).toMatchObject({ rows_inserted: 2, rows_updated: 1 });
    expect(await countWithPython(lake('vectors'))).toEqual({ count: count + 2, sum: String(Number(sum) + 300_001) });
  });

  it('compaction is no news', async () => {
    const back = outOf('evolved').replace('back_', 'follow_');
    await project.ok(back);
    const path = lake('evolved');
    const log = join(path, '_delta_log');
    const last = (await readFile(join(log, '00000000000000000003.json'), 'utf8')).trimEnd().split('\n');
    // The same files change their places once more: what the compaction made is written a second time.
    const add = last.map((line) => JSON.parse(line)).find((line) => line.add)?.add;
    const remove = { path: add.path, deletionTimestamp: 1, dataChange: false, partitionValues: {}, size: add.size };
    const bytes = await readFile(join(path, decodeURIComponent(add.path)));
    await writeFile(join(path, 'again.parquet'), bytes);
    const lines = [{ remove }, { add: { ...add, path: 'again.parquet', dataChange: false } }];
    await writeFile(join(log, '00000000000000000004.json'), lines.map((l) => `${JSON.stringify(l)}\n`).join(''));
    expect((await project.ok(back)).outcome).toMatchObject({ empty: true });
  });

  it('features that are not known are refused by their names', async () => {
    for (const [feature, code] of [
      ['someThingNew', 'format/delta-feature'],
      ['variantType', 'format/delta-feature'],
    ] as const) {
      const path = join(lake(feature), '_delta_log');
      await mkdir(path, { recursive: true });
      const lines = [
        {
          protocol: { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: [feature], writerFeatures: [feature] },
        },
        {
          metaData: {
            id: 'x',
            format: { provider: 'parquet' },
            schemaString: '{"type":"struct","fields":[]}',
            partitionColumns: [],
          },
        },
      ];
      await writeFile(join(path, `${'0'.repeat(20)}.json`), lines.map((l) => `${JSON.stringify(l)}\n`).join(''));
      const { error } = await project.run(
        outOf(feature.toLowerCase()).replaceAll(`lake/${feature.toLowerCase()}`, `lake/${feature}`),
      );
      expect(error).toMatchObject({ code, kind: 'config', message: expect.stringContaining(feature) });
      await project.file(`w_${feature.toLowerCase()}/1.csv`, 'id\n1\n');
      const write = into(`w_${feature.toLowerCase()}`).replace(/path: lake.*/, `path: lake/${feature}`);
      expect((await project.run(write)).error).toMatchObject({
        kind: 'config',
        message: expect.stringContaining(feature),
      });
    }
  });
});
