import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ident } from '../src/model/sql.ts';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());

/** Loads records, writes them as files of a format, reads those and gives the rows that came out at the end. */
async function around(name: string, records: Record<string, unknown>[], format: string): Promise<unknown[][]> {
  await project.file(`${name}/in.ndjson`, records.map((record) => JSON.stringify(record)).join('\n'));
  const names = Object.keys(records[0] ?? {});
  const columns = names.map((column) => ({ name: column, type: 'text' }));
  const out = { type: 'local', path: `${name}/out`, format };
  const write = { name: `${name}_w`, source: { type: 'local', path: `${name}/in.ndjson` }, columns, destination: out };
  await project.ok(JSON.stringify(write));
  const source = { type: 'local', path: `${name}/out/**/*.${format}`, format: { type: format, header: true } };
  const read = { name: `${name}_r`, source, columns, destination: { type: 'duckdb', path: `${name}.duckdb` } };
  const yaml = JSON.stringify(read);
  await project.ok(yaml);
  return project.rows(yaml, `SELECT ${names.map((n) => ident(n)).join(', ')} FROM ${name}_r`);
}

const sorted = (rows: unknown[][]) => rows.map((row) => JSON.stringify(row)).sort();

it('empty, null, escapes and line ends survive CSV', async () => {
  const texts = [
    '',
    null,
    '\\N',
    '\\.',
    'NULL',
    'tab\tquote"back\\slash\nline',
    'line one\r\nline two',
    ' x ',
    '"',
    ',',
    "'",
  ];
  const records = texts.map((s, i) => ({ id: String(i), s }));
  const got = await around('plain', records, 'csv');
  expect(sorted(got)).toEqual(sorted(records.map((r) => [r.id, r.s])));
  expect(
    sorted(
      await around(
        'single',
        texts.map((s) => ({ s })),
        'csv',
      ),
    ),
  ).toEqual(sorted(texts.map((s) => [s])));
});

it('so does any text', async () => {
  const piece = fc.constantFrom(
    'a',
    '"',
    ',',
    '\n',
    '\r',
    '\r\n',
    ' ',
    '\t',
    ';',
    '#',
    'é',
    '\u{1f600}',
    '\\',
    '\0',
    '=',
  );
  const value = fc.option(
    fc.array(piece, { maxLength: 5 }).map((parts) => parts.join('')),
    { freq: 5 },
  );
  const table = fc.array(fc.record({ a: value, 'b "x"': value }), { minLength: 1, maxLength: 40 });
  let made = 0;
  await fc.assert(
    fc.asyncProperty(table, async (records) => {
      const got = await around(`any_${made++}`, records, 'csv');
      expect(sorted(got)).toEqual(sorted(records.map((r) => [r.a, r['b "x"']])));
    }),
    { seed: 3, numRuns: 6 },
  );
});
