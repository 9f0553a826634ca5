import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attacks } from '../../../test/sql-attacks.ts';
import type { SqlForm } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import {
  AGGREGATE_FUNCTIONS,
  ROW_MAKING_FUNCTIONS,
  SCALAR_FUNCTIONS,
  TABLE_FUNCTIONS,
} from '../../model/sql-functions.ts';
import { sqlScope } from '../../model/sql-scope.ts';
import { wrapExpression, wrapQuery } from '../../model/sql-wrap.ts';
import type { Column } from '../../model/type.ts';
import { cage, type OwnedEngine, openEngine } from '../duckdb.ts';
import { inspectUserSql } from './inspect.ts';

const columns: Column[] = [
  { name: 'id', type: { kind: 'bigint' } },
  { name: 'Name', type: { kind: 'text' } },
  { name: 'amount', type: { kind: 'double' } },
  { name: 'tags', type: { kind: 'list', item: { kind: 'text' } } },
  { name: '_sluice_file', type: { kind: 'int' } },
  { name: '_sluice_row', type: { kind: 'bigint' } },
];

let spool: string;
let engine: OwnedEngine;

beforeAll(async () => {
  spool = mkdtempSync(join(tmpdir(), 'sluice-cage-'));
  engine = await openEngine({ spool, threads: 1, memory: 200_000_000 });
  await engine.run(
    `CREATE TABLE "input" AS SELECT 1::BIGINT AS id, 'a' AS "Name", 1.5::DOUBLE AS amount, ['x'] AS tags, 0 AS _sluice_file, 1::BIGINT AS _sluice_row`,
  );
  await engine.run('CREATE TABLE secrets AS SELECT 42 AS pin');
  await cage(engine, { files: [], folders: [] });
});

afterAll(() => {
  engine.close();
  rmSync(spool, { recursive: true, force: true });
});

async function code(text: string, form: SqlForm): Promise<string> {
  try {
    await inspectUserSql(engine, text, form, { columns });
    return 'accepted';
  } catch (error) {
    if (error instanceof SluiceError && error.kind === 'config' && error.hint) return error.code;
    throw error;
  }
}

/** The statement that the text would become a part of. */
function setIn(text: string, form: SqlForm): string {
  if (form === 'query') return wrapQuery(text, columns);
  if (form === 'order') return `SELECT row_number() OVER (ORDER BY\n${text}\n, id) FROM "input"`;
  return `SELECT ${wrapExpression(text)} AS value FROM "input"`;
}

describe('harmless SQL is accepted and runs where it is set in', () => {
  const cases: [SqlForm, string, 'row' | 'run', string[]][] = [
    ['expression', 'id > 0 -- a comment at the end', 'row', ['id']],
    ['expression', '/* a /* nested */ comment */ amount * 1.19', 'row', ['amount']],
    ['expression', '"Name" || \'; drop table x --\'', 'row', ['Name']],
    ['expression', "name.trim().lower() like '%$1%'", 'row', ['Name']],
    ['expression', "input.name = '${env:X}'", 'row', ['Name']],
    ['expression', "'$1' || '$$' || '?'", 'row', []],
    ['expression', '$$it costs $5$$', 'row', []],
    ['expression', "e'\\'; --'", 'row', []],
    ['expression', '-id', 'row', ['id']],
    ['expression', '(id, amount)', 'row', ['id', 'amount']],
    ['expression', "case when id = 1 then 'one' when id between 2 and 5 then 'few' else null end", 'row', ['id']],
    ['expression', 'list_transform(tags, lambda t: upper(t) || id)', 'row', ['id', 'tags']],
    ['expression', "{'a': id, 'b': [1, 2][1:1], 'c': map {'k': 1}}", 'row', ['id']],
    ['expression', 'try_cast(name as decimal(12,2)) is not null and not (amount is null)', 'row', ['Name', 'amount']],
    ['expression', "extract(year from date '2024-01-01') + position('a' in name)", 'row', ['Name']],
    ['expression', "timestamptz '2024-01-01 00:00:00+00' at time zone 'Europe/Berlin' + interval 1 day", 'row', []],
    ['expression', "name collate nocase in ('a', 'b') and name similar to 'a.*'", 'row', ['Name']],
    ['expression', 'random() < 2 and now() > today() and current_date is not null', 'row', []],
    ['expression', 'coalesce(nullif(id, 0), 5) % 2 ** 3 // 1', 'row', ['id']],
    ['expression', "name = 'Größe' or name = '\u00a0日本\u2003'", 'row', ['Name']],
    ['expression', 'sum(amount) over (partition by name order by id) > 0', 'run', ['id', 'Name', 'amount']],
    ['expression', 'count(*) > 0 and max(id) < 5', 'run', ['id']],
    ['expression', 'sum(amount) filter (where id > 0) > 0', 'run', ['id', 'amount']],
    ['expression', 'percentile_cont(0.5) within group (order by amount) > 0', 'run', ['amount']],
    ['expression', 'lag(id ignore nulls) over (order by id) is null', 'run', ['id']],
    ['expression', 'sum(count(*)) over () > 0', 'run', []],
    ['order', 'amount desc nulls last, lower(name) -- newest', 'row', ['Name', 'amount']],
    ['order', 'case when id = 1 then 0 else 1 end', 'row', ['id']],
    ['query', 'select * from input', 'run', columns.map((c) => c.name)],
    ['query', 'FROM input SELECT id', 'run', ['id']],
    ['query', 'from input', 'run', columns.map((c) => c.name)],
    ['query', 'select "id" from "input" -- all', 'run', ['id']],
    ['query', 'select i.id, j.amount from INPUT i join input j using (id)', 'run', ['id', 'amount']],
    ['query', 'with a as (select id from input), b as (from a) select * from b', 'run', columns.map((c) => c.name)],
    ['query', 'with recursive r as (select 1 n union all select n + 1 from r where n < 3) select n from r', 'run', []],
    ['query', 'select id, x from input, lateral (select input.id + 1 as x)', 'run', ['id']],
    ['query', 'select id, t from input, unnest(tags) u(t)', 'run', ['id', 'tags']],
    ['query', 'select id, unnest(tags) t from input', 'run', ['id', 'tags']],
    ['query', 'select * from range(3) r(n)', 'run', columns.map((c) => c.name)],
    ['query', 'values (1), (2)', 'run', columns.map((c) => c.name)],
    ['query', "pivot input on name in ('a', 'b') using sum(amount) group by id", 'run', columns.map((c) => c.name)],
    ['query', 'unpivot input on id, amount', 'run', columns.map((c) => c.name)],
    [
      'query',
      'select name, count(*) from input group by all having count(*) > 0 order by 2 desc limit 5',
      'run',
      ['Name'],
    ],
    ['query', 'select id from input qualify row_number() over (partition by name) = 1', 'run', ['id', 'Name']],
    ['query', 'select id from input where id in (select max(id) from input) union all select 1', 'run', ['id']],
    ['query', 'select distinct on (name) id from input order by name, amount desc', 'run', ['id', 'Name', 'amount']],
    ['query', 'select id from input tablesample 100%', 'run', ['id']],
    ['query', 'with "../../etc/passwd" as (select 1 as x) select x from "../../etc/passwd"', 'run', []],
  ];
  it.each(cases)('%s: %s', async (form, text, scope, used) => {
    const found = await inspectUserSql(engine, text, form, { columns });
    expect(found.scope).toBe(scope);
    if (!found.columnsUsed.includes('_sluice_row')) expect(found.columnsUsed).toEqual(used);
    else expect(used).toContain('_sluice_row');
    if (form !== 'query') expect(sqlScope(text)).toBe(scope);
    await engine.rows(setIn(text, form));
  });
});

describe('what is not one expression, order or query is refused', () => {
  const cases: [SqlForm, string, string][] = [
    ['expression', '', 'sql/empty'],
    ['expression', ' -- nothing', 'sql/empty'],
    ['expression', '1;', 'sql/statements'],
    ['expression', '1; drop table secrets', 'sql/statements'],
    ['query', 'select 1;', 'sql/statements'],
    ['query', 'select 1; select 2', 'sql/statements'],
    ['query', 'select 1 ; -- x', 'sql/statements'],
    ['expression', '1) from (select 2', 'sql/syntax'],
    ['expression', '1), (2', 'sql/syntax'],
    ['expression', '1) + (1', 'sql/syntax'],
    ['expression', '1, 2', 'sql/not_one'],
    ['expression', '1,', 'sql/not_one'],
    ['expression', 'id as x', 'sql/not_one'],
    ['expression', 'id x', 'sql/not_one'],
    ['expression', 'id from input', 'sql/not_one'],
    ['expression', 'id where true', 'sql/not_one'],
    ['expression', 'id order by 1', 'sql/not_one'],
    ['expression', '1 union select 2', 'sql/not_one'],
    ['expression', 'distinct id', 'sql/not_one'],
    ['expression', '1 limit 1', 'sql/not_one'],
    ['expression', '(1', 'sql/syntax'],
    ['expression', '1)', 'sql/syntax'],
    ['expression', "'open", 'sql/unclosed'],
    ['expression', '"open', 'sql/unclosed'],
    ['expression', '1 /* open', 'sql/unclosed'],
    ['expression', '$$open', 'sql/unclosed'],
    ['expression', 'id\0', 'sql/syntax'],
    ['expression', 'select 1', 'sql/syntax'],
    ['expression', '(select 1)', 'sql/subquery'],
    ['expression', 'exists (from input)', 'sql/subquery'],
    ['expression', 'id in (select 1)', 'sql/subquery'],
    ['expression', '*', 'sql/star'],
    ['expression', 'columns(*)', 'sql/star'],
    ['expression', '#1', 'sql/star'],
    ['expression', 'input', 'sql/whole_row'],
    ['expression', 'unnest(tags)', 'sql/rows'],
    ['expression', '_sluice_row', 'sql/reserved_name'],
    ['expression', 'input."_Sluice_Row"', 'sql/reserved_name'],
    ['expression', '_sluice_row.abs()', 'sql/reserved_name'],
    ['expression', '$1', 'sql/parameter'],
    ['expression', '?', 'sql/parameter'],
    ['expression', 'id = $name', 'sql/parameter'],
    ['query', 'select $1', 'sql/parameter'],
    ['order', 'id limit 1', 'sql/not_one'],
    ['order', 'id) from input, (select 1 order by id', 'sql/syntax'],
    ['order', 'id; select 1', 'sql/statements'],
    ['order', 'id rows between 1 preceding and current row', 'sql/syntax'],
    ['order', 'all', 'sql/not_one'],
    ['order', '1 desc', 'sql/order'],
    ['order', 'max(id)', 'sql/aggregate'],
    ['order', 'row_number() over ()', 'sql/aggregate'],
    ['order', '(select 1)', 'sql/subquery'],
    ['query', 'select 1) as a, (select 2', 'sql/syntax'],
    ['query', 'select id as _sluice_row from input', 'sql/reserved_name'],
    ['query', 'select * from input t(_sluice_row)', 'sql/reserved_name'],
    ['query', 'with input as (select 1) select * from input', 'sql/input_name'],
    ['query', 'with a as (from b), b as (select 1) from a', 'sql/table'],
    ['query', 'with secrets as (from secrets) from secrets', 'sql/table'],
    ['query', 'select * from (with a as (select 1) from a), a', 'sql/table'],
    ['query', 'pivot input on name', 'sql/not_select'],
  ];
  it.each(cases)('%s: %s', async (form, text, expected) => {
    expect(await code(text, form)).toBe(expected);
  });
});

describe('what reaches outside is refused in every form', () => {
  for (const attack of attacks) {
    const { expression, query } = attack;
    if (expression !== undefined) {
      it(`expression: ${expression}`, async () => {
        const found = await code(expression, 'expression');
        expect([attack.code, 'sql/subquery']).toContain(found);
      });
      it(`order: ${expression}`, async () => {
        const found = await code(expression, 'order');
        expect([attack.code, 'sql/subquery', 'sql/aggregate']).toContain(found);
      });
    }
    const inQuery = query ?? `select ${expression} from input`;
    it(`query: ${inQuery}`, async () => {
      expect(await code(inQuery, 'query')).toBe(attack.code);
    });
    if (attack.code === 'sql/table' || attack.code === 'sql/function') {
      it.each([
        `with a as (${inQuery}) select 1 from input`,
        `select 1 from input where exists (${inQuery})`,
        `select 1 from input order by (${inQuery})`,
        `select 1 from input limit (${inQuery})`,
        `select 1 union all (${inQuery})`,
        `select i.id from input i left join lateral (${inQuery}) on true`,
        `with recursive r as (select 1 union all (${inQuery})) from r`,
      ])('nested: %s', async (text) => {
        expect(await code(text, 'query')).toBe(attack.code);
      });
    }
  }
});

it('a call under a column is a method call, under an attached database another function', async () => {
  const other = await openEngine({ spool, threads: 1, memory: 100_000_000 });
  try {
    await other.run("ATTACH ':memory:' AS warehouse");
    await other.run('CREATE TABLE warehouse.pins AS SELECT 42 AS pin');
    await other.run('CREATE MACRO warehouse.lower(x) AS (SELECT pin FROM warehouse.pins)');
    await expect(inspectUserSql(other, 'warehouse.lower(1)', 'expression', { columns })).rejects.toMatchObject({
      code: 'sql/function',
    });
    await expect(inspectUserSql(other, 'name.lower()', 'expression', { columns })).resolves.toMatchObject({
      scope: 'row',
    });
  } finally {
    other.close();
  }
});

it('texts too deep for the engine are errors, not crashes', async () => {
  for (const text of [
    `${'('.repeat(9000)}1${')'.repeat(9000)}`,
    `${'1+'.repeat(9000)}1`,
    `${'not '.repeat(90_000)}true`,
  ]) {
    const found = await code(text, 'expression');
    expect(['sql/syntax', 'accepted', 'sql/not_one']).toContain(found);
  }
  expect(await code(Array(3000).fill('id = 1').join(' or '), 'expression')).toBe('accepted');
});

it('the reading by tokens and the reading by the tree agree on any mix of calls', async () => {
  const leaf = fc.constantFrom(
    'id',
    '1',
    "'sum(id)'",
    '"Name"',
    '$$max(id) over ()$$',
    'amount /* sum( */',
    '-- max(id)\n id',
    "e'\\')'",
  );
  const space = fc.constantFrom('', ' ', '\n', ' /* ( */ ', '\u00a0');
  const { expression } = fc.letrec<{ expression: string }>((tie) => ({
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc
        .tuple(fc.constantFrom('abs', 'upper', '"lower"', 'hash'), space, tie('expression'))
        .map(([f, s, x]) => `${f}${s}(${x})`),
      fc
        .tuple(fc.constantFrom('sum', 'MAX', '"min"', 'count'), space, tie('expression'))
        .map(([f, s, x]) => `${f}${s}(${x})`),
      fc
        .tuple(fc.constantFrom('sum', 'Max', '"count"'), space, leaf, leaf)
        .map(([f, s, x, y]) => `${f}${s}(${x}) ${s}over${s}(partition by ${y} order by ${x})`),
      fc.tuple(tie('expression'), tie('expression')).map(([x, y]) => `avg(${x}) filter (where ${y} is null)`),
      fc.tuple(leaf, leaf).map(([x, y]) => `avg(${x}) filter (where ${y} is null) over ()`),
      fc.tuple(tie('expression'), tie('expression')).map(([x, y]) => `(${x}) || case when ${y} then ${x} end`),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(expression, async (text) => {
      const found = await inspectUserSql(engine, text, 'expression', { columns });
      expect(found.scope).toBe(sqlScope(text));
    }),
    { seed: 22, numRuns: 200 },
  );
});

it('an error says where the text stands', async () => {
  const error = await inspectUserSql(engine, 'id >\n\n> 1', 'expression', {
    label: 'filter',
    where: { stream: 's' },
  }).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'sql/syntax', where: { stream: 's' } });
  expect((error as Error).message).toMatch(/^filter: .*line 3/);
});

it('the lists of functions name only functions of the engine, and all of its aggregates', async () => {
  const rows = await engine.rows(
    'SELECT DISTINCT lower(function_name) AS name, function_type AS type FROM duckdb_functions()',
  );
  const of = (...types: string[]) =>
    new Set(rows.filter((r) => types.includes(String(r.type))).map((r) => String(r.name)));
  const scalar = of('scalar', 'macro');
  const aggregate = of('aggregate');
  const words = [
    'current_time',
    'current_timestamp',
    'localtime',
    'localtimestamp',
    'row',
    'unnest',
    'percentile_cont',
    'percentile_disc',
  ];
  const macros = of('macro');
  for (const name of SCALAR_FUNCTIONS) if (!scalar.has(name)) expect(words).toContain(name);
  for (const name of AGGREGATE_FUNCTIONS) if (!aggregate.has(name) && !macros.has(name)) expect(words).toContain(name);
  for (const name of aggregate) expect(AGGREGATE_FUNCTIONS).toContain(name);
  for (const name of TABLE_FUNCTIONS) expect([...of('table', 'macro', 'table_macro')]).toContain(name);
  for (const name of ROW_MAKING_FUNCTIONS) expect(SCALAR_FUNCTIONS).toContain(name);
});
