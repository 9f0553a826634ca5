import { readdirSync, realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonText } from '../src/model/json-sql.ts';
import { ident } from '../src/model/sql.ts';
import { formatType } from '../src/model/type.ts';
import { ALL_ROWS, ALL_TYPES } from './all-types.ts';
import { LogView } from './delta-log.ts';
import { exact, noDeltalake, plain, readWithPython, vacuumWithPython, writeWithPython } from './deltalake.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { makeBucket, noMoto, type S3Server, startMoto } from './moto.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject({ S3_SECRET: 'secret' });
});
afterAll(() => project.close());

const lake = (name: string) => join(realpathSync(project.dir), 'lake', name);
const into = (name: string, more = '', source = `path: ${name}/*`) =>
  `name: ${name}\nsource:\n  type: local\n  ${source}\ndestination:\n  type: delta\n  path: lake/${name}\n${more}`;

/** Data files that lie in a table's folder. */
const dataFiles = (name: string) =>
  readdirSync(lake(name), { recursive: true, encoding: 'utf8' }).filter((path) => /^(?!_).*\.parquet$/.test(path));

describe.skipIf(noDeltalake)('what was written here, as another program reads it', () => {
  it('every type, by one task and by four', async () => {
    const { openEngine } = await import('../src/engine/duckdb.ts');
    const engine = await openEngine({ spool: project.dir, threads: 1, memory: 300_000_000 });
    const columns = `columns:\n${ALL_TYPES.map((c) => `  - name: ${JSON.stringify(c.name)}\n    type: ${JSON.stringify(formatType(c.type))}\n`).join('')}`;
    for (let n = 1; n <= 4; n++) {
      await mkdir(join(project.dir, 'types'), { recursive: true });
      await engine.run(
        `COPY (SELECT * FROM (${ALL_ROWS}) WHERE id % 4 = ${n % 4}) TO '${project.dir}/types/${n}.parquet' (FORMAT parquet)`,
      );
    }
    for (const n of [1, 4]) {
      const yaml = into(
        `types${n}`,
        `  write_disposition: replace\n${columns}compute:\n  workers:\n    min: ${n}\n    max: ${n}\n`,
        'path: types/*',
      );
      await project.ok(yaml);
      const { rows, schema, reader, writer } = await readWithPython(lake(`types${n}`));
      const texts = ALL_TYPES.map((c) => `${jsonText(ident(c.name), c.type)} AS ${ident(c.name)}`).join(', ');
      const want = await engine.rows(`SELECT ${texts} FROM (${ALL_ROWS}) ORDER BY id`);
      expect([reader, writer, schema.tz, schema.ts, schema.u]).toEqual([
        3,
        7,
        'timestamp[us, tz=UTC]',
        'timestamp[us]',
        'string',
      ]);
      for (const column of ALL_TYPES) {
        const own = (row: Record<string, unknown>) => {
          const text = row[column.name] as string | null;
          if (text === null) return null;
          // What Delta holds as text is compared as text.
          return column.type.kind === 'json' ? text : plain(exact(text));
        };
        const read = rows.map((row) => {
          const value = row[column.name] ?? null;
          return column.type.kind === 'json' && typeof value === 'string' ? value.replaceAll('\n', ' ') : plain(value);
        });
        expect([column.name, read]).toEqual([column.name, want.map(own)]);
      }
    }
    engine.close();
  });
});

describe.skipIf(noDeltalake)('loads', () => {
  it('appends, replaces and merges are one version each, and no file is left that the log does not name', async () => {
    const rows = (yaml: string) => project.rows(yaml, 'SELECT id, v FROM steps ORDER BY id');
    const seen: [string, number][] = [];
    const look = async () => {
      const table = await readWithPython(lake('steps'));
      seen.push([table.rows.map((row) => `${row.id}${row.v}`).join(' '), table.version]);
    };
    await project.file('steps/1.csv', 'id,v\n1,a\n2,b\n');
    await project.ok(into('steps'));
    await look();
    await project.file('steps/2.csv', 'id,v\n3,c\n');
    await project.ok(into('steps'));
    await look();
    const merge = into(
      'steps',
      "  write_disposition: merge\n  primary_key: [id]\n  deletes: {when: v = 'gone', mode: hard}\n",
    );
    await project.file('steps/3.csv', 'id,v\n2,B\n4,d\n1,gone\n');
    expect((await project.ok(merge)).counts).toMatchObject({ rows_inserted: 1, rows_updated: 1, rows_deleted: 1 });
    await look();
    const replace = into('steps', '  write_disposition: replace\nincremental:\n  type: none\n').replace(
      'steps/*',
      'steps/2.csv',
    );
    await project.ok(replace);
    await look();
    expect(seen).toEqual([
      ['1a 2b', 0],
      ['1a 2b 3c', 1],
      ['2B 3c 4d', 2],
      ['3c', 3],
    ]);
    expect(await rows(replace)).toEqual([['3', 'c']]);
    // Files of older versions stay for their readers: each of them was added by a version of the log.
    const added = new LogView(lake('steps')).versions.flat().flatMap(({ add }) => (add ? [add.path] : []));
    expect(dataFiles('steps').sort()).toEqual(added.sort());
    // VACUUM takes them, and passes over what the stream keeps beside the data.
    await vacuumWithPython(lake('steps'));
    expect(dataFiles('steps')).toEqual([...new LogView(lake('steps')).files.keys()]);
    await project.file('steps/5.csv', 'id,v\n5,e\n');
    await project.ok(into('steps').replace('steps/*', 'steps/5.csv'));
    expect(await rows(replace)).toEqual([
      ['3', 'c'],
      ['5', 'e'],
    ]);
  });

  it('a run that failed leaves nothing behind, and the one that succeeds is one commit', async () => {
    const ids = Array.from({ length: 100 }, (_, n) => n + 1);
    const lines = (bad: number | null) =>
      `id,v\n${ids.map((id) => (id === bad ? 'sixty-one,x' : `${id},x`)).join('\n')}\n`;
    const yaml = into('tries', 'columns:\n  - name: id\n    type: int\nchecks:\n  - row_count:\n      min: 100\n');
    await project.file('tries/1.csv', lines(61));
    expect((await project.run(yaml)).error).toMatchObject({ code: 'type/value' });
    await project.file('tries/1.csv', lines(null).replace('\n100,x', ''));
    expect((await project.run(yaml)).error).toMatchObject({ code: 'check/row_count' });
    expect(dataFiles('tries')).toEqual([]);
    await project.file('tries/1.csv', lines(null));
    expect((await project.ok(yaml)).counts.rows_written).toBe(100);
    const { rows, version, files } = await readWithPython(lake('tries'));
    expect([rows.length, version, files, dataFiles('tries').length]).toEqual([100, 0, 1, 1]);
  });

  it('a merge into partitions by any text takes out what it writes anew', async () => {
    const yaml = into('f14', '  write_disposition: merge\n  primary_key: [id]\n  partition_by: [region]\n');
    for (let n = 1; n <= 3; n++) {
      await project.file(`f14/${n}.csv`, 'id,region\n1,North West\n2,50%/a\n3,Größe\n');
      await project.ok(yaml);
      const { rows, files } = await readWithPython(lake('f14'));
      expect(files).toBe(3);
      expect(rows).toEqual([
        { id: '1', region: 'North West' },
        { id: '2', region: '50%/a' },
        { id: '3', region: 'Größe' },
      ]);
    }
    await project.file('f14/4.csv', 'id,region\n4,\n');
    await project.ok(yaml);
    expect((await readWithPython(lake('f14'))).rows).toHaveLength(4);
    expect(await project.rows(yaml, 'SELECT id, region, region IS NULL FROM f14 ORDER BY id')).toEqual([
      ['1', 'North West', 'false'],
      ['2', '50%/a', 'false'],
      ['3', 'Größe', 'false'],
      ['4', null, 'true'],
    ]);
  });

  it('partitions of every plain type are read by another program, and an empty text is refused', async () => {
    const columns = ['b', 'big', 'day', 'at', 'ts', 'tz', 'u', 'id'];
    const cols = ALL_TYPES.filter((c) => [...columns, 's'].includes(c.name));
    const { openEngine } = await import('../src/engine/duckdb.ts');
    const engine = await openEngine({ spool: project.dir, threads: 1, memory: 300_000_000 });
    await mkdir(join(project.dir, 'parts'), { recursive: true });
    await engine.run(`COPY (${ALL_ROWS}) TO '${project.dir}/parts/1.parquet' (FORMAT parquet)`);
    const declared = cols.map((c) => `  - name: ${c.name}\n    type: ${formatType(c.type)}\n`).join('');
    const keep = `columns:\n${declared}transform:\n  - select: [${cols.map((c) => c.name).join(', ')}]\n`;
    const yaml = into('parts', `  partition_by: [b, big, day, at, ts, tz, u]\n${keep}`);
    await project.ok(yaml);
    const { rows, partitions } = await readWithPython(lake('parts'));
    expect(partitions).toEqual(columns.slice(0, 7));
    const texts = cols.map((c) => `${jsonText(ident(c.name), c.type)} AS ${ident(c.name)}`).join(', ');
    const want = await engine.rows(`SELECT ${texts} FROM (${ALL_ROWS}) ORDER BY id`);
    engine.close();
    expect(rows.map((row) => Object.fromEntries(cols.map((c) => [c.name, plain(row[c.name] ?? null)])))).toEqual(
      want.map((row) => Object.fromEntries(cols.map((c) => [c.name, plain(exact(String(row[c.name] ?? 'null')))]))),
    );
    const empty = into('empty', `  partition_by: [s]\n`, 'path: parts/*');
    const { error } = await project.run(empty);
    expect(error).toMatchObject({ code: 'destination/bad-value', kind: 'data', where: { column: 's' } });
    expect(
      readdirSync(lake('empty'), { recursive: true, encoding: 'utf8' }).filter((p) => p.endsWith('.parquet')),
    ).toEqual([]);
  });

  it('a table that another program made is added to under its own names and types', async () => {
    await writeWithPython('plain', lake('plain'));
    const yaml = into('plain', '  schema_contract:\n    data_type: evolve\n');
    await project.file('plain/1.csv', 'ID,small,single,name\n3,100,0.5,x\n');
    await project.ok(yaml);
    const { rows, schema } = await readWithPython(lake('plain'));
    expect(rows).toEqual([
      { Id: '1', small: '7', single: 1.5, name: 'a' },
      { Id: '3', small: '100', single: 0.5, name: 'x' },
    ]);
    expect(schema).toMatchObject({ small: 'int8', single: 'float' });
    await project.file('plain/2.csv', 'ID,small,single,name\n4,300,0.5,x\n');
    expect((await project.run(yaml)).error).toMatchObject({
      code: 'destination/bad-value',
      where: { column: 'small' },
    });
    await project.file('plain/2.csv', 'ID,small,single,name\n4,1,0.1,x\n');
    expect((await project.run(yaml)).error).toMatchObject({
      code: 'destination/bad-value',
      where: { column: 'single' },
    });
    await project.file('plain/2.csv', 'ID,small,single,name\n4,1,1,\n');
    expect((await project.run(yaml)).error).toMatchObject({ code: 'destination/bad-value', where: { column: 'name' } });
    expect((await readWithPython(lake('plain'))).rows).toHaveLength(2);
  });

  it('rows of an append-only table cannot be replaced', async () => {
    await writeWithPython('append_only', lake('append_only'));
    await project.file('append_only/1.csv', 'id\n2\n');
    await project.ok(into('append_only'));
    const replace = into('append_only', '  write_disposition: replace\nincremental:\n  type: none\n');
    expect((await project.run(replace)).error).toMatchObject({ code: 'destination/append-only', kind: 'config' });
    expect((await readWithPython(lake('append_only'))).rows).toEqual([{ id: '1' }, { id: '2' }]);
  });
});

describe.skipIf(noMoto ?? noDeltalake)('in a store', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startMoto();
    await makeBucket(server.url, 'lake');
  });
  afterAll(() => server.stop());

  it('written, read by another program, read back incrementally', async () => {
    const place = `bucket: lake\n  endpoint: ${server.url}\n  access_key_id: key\n  secret_access_key: \${env:S3_SECRET}\n  path: bronze/orders\n`;
    const yaml = `name: orders\nsource:\n  type: local\n  path: orders/*\ndestination:\n  type: delta\n  ${place}  partition_by: [region]\n`;
    const back = `name: back\nsource:\n  type: s3\n  ${place}  format: delta\ndestination:\n  type: duckdb\n  path: back.duckdb\n`;
    await project.file('orders/1.csv', 'id,region\n1,Größe\n2,a/b\n');
    await project.ok(yaml);
    await project.ok(back);
    await project.file('orders/2.csv', 'id,region\n3,a/b\n4,\n');
    await project.ok(yaml);
    expect((await project.ok(back)).counts).toMatchObject({ rows_read: 2 });
    const want = [
      ['1', 'Größe'],
      ['2', 'a/b'],
      ['3', 'a/b'],
      ['4', null],
    ];
    expect(await project.rows(back, 'SELECT id, region FROM back ORDER BY id')).toEqual(want);
    // Of a large file only what a job looks at is fetched, to its place.
    await project.file(
      'big/1.csv',
      `id,s,t\n${Array.from({ length: 60_000 }, (_, n) => `${n},${n * 7919}-${n ** 2},x${n}`).join('\n')}\n`,
    );
    const big = yaml
      .replace('name: orders', 'name: big')
      .replace('orders/*', 'big/*')
      .replace('bronze/orders', 'bronze/big');
    await project.ok(big.replace('  partition_by: [region]\n', ''));
    const few = back.replace('name: back', 'name: few').replace('bronze/orders', 'bronze/big');
    await project.ok(`${few}transform:\n  - select: [id, t]\n`);
    const sums = 'SELECT count(*), sum(id), count(DISTINCT t), min(t) FROM few';
    expect(await project.rows(few, sums)).toEqual([['60000', '1799970000', '60000', 'x0']]);
    const { rows } = await readWithPython('s3://lake/bronze/orders', {
      AWS_ENDPOINT_URL: server.url,
      AWS_ALLOW_HTTP: 'true',
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_REGION: 'us-east-1',
    });
    expect(rows.map((row) => [row.id, row.region])).toEqual(want);
  });
});
