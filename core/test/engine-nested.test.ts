import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import { nestedType } from '../src/engine/typing/structure.ts';
import { ident, literal } from '../src/model/sql.ts';
import { formatType } from '../src/model/type.ts';
import { type EngineProject, engineProject } from './engine.ts';

/** What is in lists and structs that a job declares, from sources that write it as JSON and from those with types of their own. */

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());

const COLUMNS = `columns:
  - name: id
    type: int
  - name: tags
    type: list<text>
  - name: spans
    type: list<list<int>>
  - name: lines
    type: 'list<struct<sku: text, n: bigint, at: date, price: decimal(10,2)>>'
  - name: who
    type: 'struct<name: text, "home town": struct<zip: text>>'
`;
const GOOD = [
  '{"id":1,"tags":["a",null,""],"spans":[[1,2],[],null],"lines":[{"sku":"x","n":9007199254740993,"at":"2026-01-02","price":"0.25"}],"who":{"name":"Ö","home town":{"zip":"02134"}}}',
  '{"id":2,"tags":[],"spans":[],"lines":[{"sku":null},{}],"who":{"home town":null}}',
  '{"id":3,"tags":null,"spans":null,"lines":null,"who":null}',
];
const WHAT = 'id, to_json(tags), to_json(spans), to_json(lines), to_json(who)';
const EXPECTED = [
  [
    '1',
    '["a",null,""]',
    '[[1,2],[],null]',
    '[{"sku":"x","n":9007199254740993,"at":"2026-01-02","price":0.25}]',
    '{"name":"Ö","home town":{"zip":"02134"}}',
  ],
  [
    '2',
    '[]',
    '[]',
    '[{"sku":null,"n":null,"at":null,"price":null},{"sku":null,"n":null,"at":null,"price":null}]',
    '{"name":null,"home town":null}',
  ],
  ['3', null, null, null, null],
];

const job = (name: string, file: string, more = '') =>
  `name: ${name}\nsource:\n  type: local\n  path: ${file}\n${more}${COLUMNS}destination:\n  type: duckdb\n  path: w.duckdb\n`;

describe('declared lists and structs', () => {
  it.each([
    ['lines', 'ndjson', GOOD.join('\n')],
    ['an array', 'json', `[${GOOD.join(',\n')}]`],
  ])('of JSON in %s', async (_, ending, text) => {
    await project.file(`${ending}.${ending}`, text);
    const yaml = job(ending, `${ending}.${ending}`);
    expect((await project.ok(yaml)).counts.rows_written).toBe(3);
    expect(await project.rows(yaml, `SELECT ${WHAT} FROM ${ending} ORDER BY id`)).toEqual(EXPECTED);
  });

  it.each(['parquet', 'csv'])('of %s, with other types inside or as text', async (ending) => {
    const engine = await openEngine({ spool: project.dir, threads: 1, memory: 200_000_000 });
    const lines = 'STRUCT(n INTEGER, sku VARCHAR, "at" DATE, price DECIMAL(8,1))[]';
    const values =
      ending === 'csv'
        ? `j->>'tags' AS tags, j->>'spans' AS spans, j->>'lines' AS lines, j->>'who' AS who`
        : `(j->'tags')::VARCHAR[] AS tags, (j->'spans')::SMALLINT[][] AS spans,
           CASE WHEN j->>'id' = '1' THEN [{'n': 7, 'sku': 'x', 'at': DATE '2026-01-02', 'price': 1.5}]::${lines} END AS lines,
           from_json(j->'who', '{"name":"VARCHAR","home town":{"zip":"VARCHAR"}}') AS who`;
    const list = GOOD.map((text) => `(${literal(text)}::JSON)`).join(', ');
    const path = `${project.dir}/t.${ending}`;
    await engine.run(
      `COPY (SELECT (j->>'id')::INT AS id, ${values} FROM (VALUES ${list}) AS t(j)) TO ${literal(path)}`,
    );
    engine.close();
    const yaml = job(ending, `t.${ending}`);
    expect((await project.ok(yaml)).counts.rows_written).toBe(3);
    const rows = await project.rows(yaml, `SELECT ${WHAT} FROM ${ending} ORDER BY id`);
    expect(rows.map(([id, tags, spans]) => [id, tags, spans])).toEqual(
      EXPECTED.map(([id, tags, spans]) => [id, tags, spans]),
    );
    expect(rows[0]?.[4]).toBe(EXPECTED[0]?.[4]);
    const price = '[{"sku":"x","n":7,"at":"2026-01-02","price":1.5}]';
    expect(rows[0]?.[3]).toBe(ending === 'csv' ? EXPECTED[0]?.[3] : price);
    await rm(path);
  });

  it('what does not fit in one makes a bad row, whose column is named', async () => {
    const bad: [line: string, column: string][] = [
      // An item of another type, a number that the item would change.
      ['"spans":[[1],["x"]]', 'spans'],
      ['"spans":[[1.5]]', 'spans'],
      // A field of another type, a digit too many, a day that is none.
      ['"lines":[{"n":1},{"n":"many"}]', 'lines'],
      ['"lines":[{"price":"1.005"}]', 'lines'],
      ['"lines":[{"at":"2026-02-30"}]', 'lines'],
      // A field that is not declared.
      ['"who":{"name":"x","born":1}', 'who'],
      // An object, a list or a text in the place of the other.
      ['"tags":{"a":1}', 'tags'],
      ['"who":["x"]', 'who'],
      ['"tags":"a"', 'tags'],
    ];
    await project.file('bad.ndjson', `${GOOD.join('\n')}\n${bad.map(([line]) => `{"id":4,${line}}\n`).join('')}`);
    await project.file('worse.ndjson', `${GOOD.join('\n')}\n{"id":4,${bad[0]?.[0]}}\n`);
    const failed = await project.run(job('worse', 'worse.ndjson'));
    expect(failed.error).toMatchObject({ code: 'type/value', kind: 'data', where: { column: 'spans', row: 4 } });
    const settings = '  format:\n    type: json\n    on_bad_row: quarantine\n';
    const kept = job('bad', 'bad.ndjson', settings).replace(
      'destination:',
      'limits:\n  max_rejected:\n    ratio: 1\ndestination:',
    );
    expect((await project.ok(kept)).counts).toMatchObject({ rows_written: 3, rows_quarantined: bad.length });
    const set = await project.rows(
      kept,
      `SELECT row_number, reason FROM _sluice_quarantine WHERE stream = 'bad' ORDER BY row_number`,
    );
    expect(set.map(([row]) => row)).toEqual(bad.map((_, i) => String(i + 4)));
    for (const [i, [, column]] of bad.entries()) expect(set[i]?.[1]).toContain(column);
  });
});

describe('the list or struct that JSON values have in common', () => {
  let engine: OwnedEngine;
  beforeAll(async () => {
    engine = await openEngine({ spool: project.dir, threads: 1, memory: 200_000_000 });
  });
  afterAll(() => engine.close());

  it.each([
    [['[1,2]', '[]', '[null]'], 'list<bigint>'],
    [['{"a":1,"b":[{"c":"x"}]}', '{"a":null}'], 'struct<a: bigint, b: list<struct<c: text>>>'],
    [['{"a b":1.5}'], 'struct<"a b": double>'],
    [['{"a":1}', '[1]'], null],
    [['[1]', '["x"]'], null],
    [['{"a":{}}'], 'struct<a: json>'],
    [['[12345678901234567890123]'], null],
    [['1', '"x"'], null],
    [[`{${Array.from({ length: 100 }, (_, i) => `"k${i}":1`).join(',')}}`], null],
  ])('%j: %s', async (values, expected) => {
    const rows = [...values, 'null'].map((value) => `(${literal(value)}::JSON)`).join(', ');
    await engine.run(`CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM (VALUES ${rows}) AS v(j)`);
    const type = await nestedType(engine, ident('t'), 'j');
    expect(type && formatType(type)).toBe(expected);
  });
});
