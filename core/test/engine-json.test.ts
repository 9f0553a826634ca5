import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { previewStream } from '../src/runtime.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

let db: TestDatabase;
let project: EngineProject;
beforeAll(async () => {
  db = await testDatabase();
  project = await engineProject({ PG: db.url });
});
afterAll(async () => {
  await project.close();
  await db.drop();
});

interface Parts {
  destination?: 'duckdb' | 'postgres';
  top?: string;
  format?: string;
  extension?: string;
}

function job(name: string, parts: Parts = {}): string {
  const where =
    parts.destination === 'postgres' ? `type: postgres\n  url: \${env:PG}` : `type: duckdb\n  path: ${name}.duckdb`;
  return `name: ${name}
source:
  type: local
  path: ${name}/*.${parts.extension ?? 'ndjson'}
  format:
    type: json
${parts.format ?? ''}${parts.top ?? ''}destination:
  ${where}
`;
}

const columns = (...list: [string, string][]) =>
  `columns:\n${list.map(([name, type]) => `  - name: ${name}\n    type: ${type}\n`).join('')}`;

/** A preview of a job without references. */
async function shown(yaml: string) {
  const [stream] = project.compile(yaml).streams;
  if (!stream) throw new Error('The job has no stream.');
  const limits = { rows: 10, memory: 200_000_000, threads: 1, signal: new AbortController().signal };
  return previewStream({
    stream,
    projectDir: project.dir,
    spool: join(project.dir, 'preview'),
    ...limits,
    log: () => {},
  });
}

describe('numbers', () => {
  it('beyond 2^53 beside a fraction keep every digit', async () => {
    await project.file('exact/a.ndjson', '{"id":9007199254740993}\n{"id":-9007199254740995}\n{"id":1.5}\n');
    const yaml = job('exact');
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT id::DECIMAL(38,1) FROM exact ORDER BY 1')).toEqual([
      ['-9007199254740995.0'],
      ['1.5'],
      ['9007199254740993.0'],
    ]);
  });

  it('are not rounded, and true is not 1, where they come after the sample', async () => {
    await project.file('late/a.ndjson', `${'{"n":7}\n'.repeat(20_480)}{"n":1.5}\n{"n":true}\n`);
    const yaml = job('late');
    const { counts } = await project.ok(yaml);
    expect(counts.rows_written).toBe(20_482);
    expect(
      await project.rows(
        yaml,
        "SELECT sum(try_cast(n AS DECIMAL(18,1))) FILTER (n <> 'true'), count(*) FILTER (n = 'true') FROM late",
      ),
    ).toEqual([['143361.5', '1']]);
  });

  it('break a declared type by their place', async () => {
    await project.file('declared/a.ndjson', `${'{"n":7}\n'.repeat(20_480)}{"n":1.5}\n{"n":true}\n`);
    const { error } = await project.run(job('declared', { top: columns(['n', 'bigint']) }));
    expect(error).toMatchObject({ code: 'type/value', where: { row: 20_481, column: 'n' } });
  });
});

describe('texts', () => {
  const texts = ['""', 'null', '"\\\\N"', '"\\\\."', '"NULL"', '"tab\\tquote\\"back\\\\slash\\nline"'];

  it.each(['duckdb', 'postgres'] as const)(
    'that look like marks of COPY arrive as they are (%s)',
    async (destination) => {
      const name = `marks_${destination}`;
      await project.file(`${name}/a.ndjson`, texts.map((text, i) => `{"id":${i + 1},"s":${text}}\n`).join(''));
      const yaml = job(name, { destination });
      expect((await project.ok(yaml)).counts.rows_written).toBe(6);
      const got = await project.rows(yaml, `SELECT id, s, length(s) FROM ${name} ORDER BY id`);
      expect(got).toEqual(
        texts.map((text, i) => {
          const value = JSON.parse(text) as string | null;
          return [String(i + 1), value, value === null ? null : String(value.length)];
        }),
      );
    },
  );

  const nul = '{"id":1,"t":"ok"}\n{"id":2,"t":"a\\u0000b"}\n{"id":3,"t":"ok"}\n';

  it('with a NUL are kept in DuckDB', async () => {
    await project.file('nul/a.ndjson', nul);
    const yaml = job('nul');
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT id, length(t) FROM nul ORDER BY id')).toEqual([
      ['1', '2'],
      ['2', '3'],
      ['3', '2'],
    ]);
  });

  it.each(['text', 'json'])('with a NUL fail by their place on the way to Postgres (%s)', async (type) => {
    const name = `nul_${type}`;
    await project.file(`${name}/a.ndjson`, nul);
    const yaml = job(name, { destination: 'postgres', top: columns(['id', 'bigint'], ['t', type]) });
    const { error } = await project.run(yaml);
    expect(error).toMatchObject({ kind: 'data', where: { row: 2, column: 't' } });
  });
});

describe('records', () => {
  it('with names of object prototypes are records like others', async () => {
    await project.file('proto/a.ndjson', '{"__proto__":{"isAdmin":true},"id":1}\n');
    const yaml = job('proto');
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT "__proto__", id FROM proto')).toEqual([['{"isAdmin":true}', '1']]);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    expect((await shown(yaml)).rows).toEqual([['{"isAdmin":true}', '1']]);
  });

  it('show infinite and early dates as a table does', async () => {
    await project.file('far/a.ndjson', '{"id":1}\n');
    const day = "      - name: d\n        expression: DATE 'infinity'\n";
    const list = '      - name: l\n        expression: "[DATE \'-infinity\']"\n';
    const time = "      - name: t\n        expression: TIMESTAMP '0044-03-15 (BC) 10:00:00'\n";
    const yaml = job('far', { top: `transform:\n  - derive:\n${day}${list}${time}  - drop: [id]\n` });
    await project.ok(yaml);
    const { rows } = await project.table(yaml, 'SELECT d, l, t FROM far');
    expect(rows).toEqual([['infinity', '["-infinity"]', '0044-03-15 (BC) 10:00:00']]);
    expect((await shown(yaml)).rows).toEqual(rows);
  });

  it('that are bad are set aside with their place', async () => {
    await project.file('aside/a.ndjson', '{"id":1,"n":1}\nnot json\n{"id":3,"n":"x"}\n{"id":4,"n":4}\n');
    const yaml = job('aside', {
      format: '    on_bad_row: quarantine\n',
      top: `${columns(['id', 'bigint'], ['n', 'int'])}limits:\n  max_rejected:\n    ratio: 1\n`,
    });
    const { counts } = await project.ok(yaml);
    expect(counts).toMatchObject({ rows_read: 4, rows_written: 2, rows_rejected: 2, rows_quarantined: 2 });
    expect(
      await project.rows(yaml, 'SELECT code, path, row_number FROM _sluice_quarantine ORDER BY row_number'),
    ).toEqual([
      ['format/json', 'aside/a.ndjson', '2'],
      ['type/value', 'aside/a.ndjson', '3'],
    ]);
  });

  it('keep the digits of nested numbers, in the table and set aside', async () => {
    await project.file('deep/a.ndjson', '{"n":1,"v":{"x":9007199254740993.5}}\n{"n":"y","v":[99999999999999.99]}\n');
    const yaml = job('deep', {
      format: '    on_bad_row: quarantine\n',
      top: `${columns(['n', 'int'])}limits:\n  max_rejected:\n    ratio: 1\n`,
    });
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT v FROM deep')).toEqual([['{"x":9007199254740993.5}']]);
    const [aside] = await project.rows(yaml, 'SELECT "row" FROM _sluice_quarantine');
    expect(JSON.parse(aside?.[0] ?? '')).toEqual({ n: 'y', v: '[99999999999999.99]' });
  });

  it('may lack a declared column, and nested ones take declared types', async () => {
    const list = '{"d":{"items":[{"id":1,"tags":["a","b"],"at":{"x":1}},{"id":2,"tags":null}]}}';
    await project.file('nested/a.json', list);
    const top = columns(['id', 'bigint'], ['tags', 'list<text>'], ['at', '"struct<x: bigint>"'], ['later', 'date']);
    const yaml = job('nested', { extension: 'json', format: '    records: d.items\n', top });
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT id, tags[2], "at".x, later FROM nested ORDER BY id')).toEqual([
      ['1', 'b', '1', null],
      ['2', null, null, null],
    ]);
  });

  it('of strings get dates, but no numbers', async () => {
    await project.file('strings/a.ndjson', '{"d":"2026-01-02","n":"12"}\n{"d":"2026-02-03","n":"7"}\n');
    const yaml = job('strings');
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT typeof(d), typeof(n) FROM strings LIMIT 1')).toEqual([['DATE', 'VARCHAR']]);
  });

  it('of a later run keep the type that the table has', async () => {
    await project.file('again/a.ndjson', '{"v":{"a":1}}\n');
    const yaml = job('again');
    await project.ok(yaml);
    await project.file('again/b.ndjson', '{"v":"x"}\n');
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT v FROM again ORDER BY v::VARCHAR')).toEqual([['"x"'], ['{"a":1}']]);
  });
});
