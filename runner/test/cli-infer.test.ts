import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, folderWith, sluice } from './cli.ts';

/** `infer` and `preview --profile`: what a source holds, and why it is read so. */

let dir: string;
let remove: () => Promise<void>;

const rows = Array.from(
  { length: 300 },
  (_, i) => `${i};${String(i).padStart(5, '0')};${i % 7},5;p${i}@x;2026-01-0${(i % 9) + 1}`,
);

beforeAll(async () => {
  ({ dir, remove } = await folderWith({
    'sluice.yaml': 'version: 1\nname: shop\nmasking:\n  key: ${env:MASK_KEY}\n',
    'jobs/orders.yaml': `# Orders of the shop
name: orders
source:
  type: local
  path: in/*.csv # both of them
columns:
  - name: mail
    mask: hash
destination:
  type: duckdb
`,
    'in/a.csv': `id;zip;n;mail;day\n${rows.join('\n')}\n`,
    'in/b.csv': 'id;zip;n;mail;day\n9007199254740993;1;12;q@x;2026-02-01\nx7;;;;\n',
    'jobs/clean.yaml': 'name: clean\nsource:\n  type: local\n  path: clean.ndjson\n',
    'clean.ndjson': '{"a":1,"b":{"c":[1,2]}}\n{"a":null,"b":null}\n',
    'jobs/nest.yaml': 'name: nest\nsource:\n  type: local\n  path: clean.ndjson\n',
    'jobs/none.yaml': 'name: none\nsource:\n  type: local\n  path: none/*.csv\n',
  }));
});
afterAll(() => remove());

function run(...args: string[]): Promise<CliResult> {
  return sluice(args, { cwd: dir, env: { MASK_KEY: 'k' } });
}

describe('infer', () => {
  it('gives dialect, columns and types with the values that ruled others out', async () => {
    const { code, stdout } = await run('infer', 'orders', '--json');
    expect(code).toBe(0);
    const [found] = JSON.parse(stdout);
    expect(found).toMatchObject({ stream: 'orders', format: 'csv', files: 2, sampled_files: 2, sampled_rows: 302 });
    expect(found.pinned).toMatchObject({ delimiter: ';', header: true });
    const byName = Object.fromEntries(found.columns.map((one: { name: string }) => [one.name, one]));
    expect(byName.id).toMatchObject({
      type: 'text',
      by: 'sample',
      values: 302,
      ruled_out: [{ type: 'bigint', rows: 1, value: 'x7', path: 'in/b.csv', row: 2 }, {}],
    });
    expect(byName.zip.type).toBe('text');
    expect(byName.zip.ruled_out[0]).toMatchObject({ type: 'bigint', value: '00000', path: 'in/a.csv', row: 1 });
    expect(byName.day).toMatchObject({ type: 'date', nulls: 1 });
    expect(stdout).not.toContain('p1@x');
    const { stdout: text } = await run('infer', 'orders');
    expect(text).toContain('no bigint: "x7" (in/b.csv, row 2)');
  });

  it('--write pins them, keeps what is written, and says so where nothing is left to pin', async () => {
    const { code } = await run('infer', 'orders', '--write');
    expect(code).toBe(0);
    const text = await readFile(join(dir, 'jobs/orders.yaml'), 'utf8');
    expect(text).toMatch(
      /^# Orders of the shop\nname: orders\nsource:\n {2}type: local\n {2}path: in\/\*\.csv # both of them\n/,
    );
    expect(text).toContain('  - name: mail\n    mask: hash\n  - name: id\n    type: text\n');
    expect(text).toContain('  - name: day\n    type: date\n');
    expect((await run('validate', 'jobs/orders.yaml', '--fail-on', 'warning')).code).toBe(0);
    const again = await run('infer', 'orders', '--write');
    expect([again.code, await readFile(join(dir, 'jobs/orders.yaml'), 'utf8')]).toEqual([0, text]);
    expect(again.stderr).toContain('already');
    const preview = JSON.parse((await run('preview', 'orders', '--json')).stdout);
    expect(preview.columns.map((one: { name: string; type: { kind: string } }) => [one.name, one.type.kind])).toEqual([
      ['id', 'text'],
      ['zip', 'text'],
      ['n', 'text'],
      ['mail', 'text'],
      ['day', 'date'],
    ]);
  });

  it('tells which lists and structs JSON could be declared as, and writes them where that is asked for', async () => {
    const [found] = JSON.parse((await run('infer', 'nest', '--json')).stdout);
    const b = found.columns.find(({ name }: { name: string }) => name === 'b');
    expect(b).toMatchObject({ type: 'json', nested: 'struct<c: list<bigint>>' });
    expect((await run('infer', 'nest', '--write', '--nested')).code).toBe(0);
    expect(await readFile(join(dir, 'jobs/nest.yaml'), 'utf8')).toContain('type: "struct<c: list<bigint>>"');
    const preview = JSON.parse((await run('preview', 'nest', '--json')).stdout);
    expect(preview.rows[0].b).toBe('{"c":[1,2]}');
  });

  it('a source that holds nothing is an error', async () => {
    const { code, stdout, stderr } = await run('infer', 'none', '--write');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('error[source/no-data]');
  });
});

describe('preview --profile', () => {
  it('counts nulls and distinct values, gives bounds and distribution, with masks laid on', async () => {
    const { code, stdout } = await run('preview', 'orders', '--profile', '--json');
    expect(code).toBe(0);
    const profile = Object.fromEntries(JSON.parse(stdout).map((one: { column: string }) => [one.column, one]));
    expect(profile.day).toMatchObject({
      type: 'date',
      rows: 302,
      nulls: 1,
      distinct: 10,
      min: '2026-01-01',
      max: '2026-02-01',
    });
    const counted = profile.day.histogram.reduce((sum: number, bin: { rows: number }) => sum + bin.rows, 0);
    expect([counted, profile.day.histogram.length]).toEqual([301, 10]);
    expect(profile.n.distinct).toBe(8);
    expect(profile.mail).toMatchObject({ nulls: 1, distinct: 301, min: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(stdout).not.toContain('@x');
  });

  it('has the forms of rows, and takes nested values', async () => {
    const markdown = await run('preview', 'clean', '--profile', '-o', 'markdown');
    expect(markdown.stdout.split('\n')[0]).toBe('| column | type | rows | nulls | distinct | min | max | histogram |');
    const text = (await run('preview', 'clean', '--profile')).stdout;
    expect(text).toMatch(/^b +json +2 +1 +1 /m);
  });
});
