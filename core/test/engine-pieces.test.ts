import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PIECE } from '../src/engine/divide.ts';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;
const bytes = PIECE.bytes;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());
beforeEach(() => {
  PIECE.bytes = 40;
});
afterEach(() => {
  PIECE.bytes = bytes;
});

interface Parts {
  format: Record<string, unknown>;
  workers: number;
  rest?: Record<string, unknown>;
}

function job(name: string, { format, workers, rest }: Parts): string {
  return JSON.stringify({
    name,
    source: { type: 'local', path: `${name}/*`, format },
    columns: [
      { name: 'p', metadata: 'path' },
      { name: 'n', metadata: 'row_number' },
    ],
    limits: { max_rejected: { ratio: 1 } },
    ...rest,
    destination: { type: 'duckdb', path: `${name}-${workers}.duckdb` },
    compute: { workers: { min: workers, max: workers } },
  });
}

const regex = '^(?<id>\\d+),(?<t>.*)$';
const fields = [
  { name: 'id', start: 1, length: 4 },
  { name: 't', start: 6, length: 3 },
];
const lines = Array.from({ length: 60 }, (_, i) => `${String(i).padStart(4, '0')},${'é'.repeat(i % 4)}`);
const crlf = lines.map((line, i) => (i % 7 === 0 ? `${line}\r\n\r\n` : `${line}\r\n`)).join('');
const inputs: [string, Record<string, unknown>, Buffer | string][] = [
  ['lines', { type: 'text' }, `${lines.join('\n')}\n`],
  ['crlf', { type: 'text', regex }, crlf],
  ['marked', { type: 'text', regex, skip_rows: 2 }, `\ufeffhead\n\n${lines.join('\n')}`],
  ['skip', { type: 'text', skip_rows: 40 }, lines.join('\n')],
  ['footer', { type: 'text', skip_footer: 30 }, lines.join('\n')],
  ['cr', { type: 'text' }, lines.join('\r')],
  ['long', { type: 'text' }, `a\n${'x'.repeat(400)}\nb\n`],
  ['wide', { type: 'text', regex }, Buffer.from(`\ufeff${lines.join('\r\n')}`, 'utf16le')],
  ['latin', { type: 'fixed_width', fields, encoding: 'latin1' }, Buffer.from(crlf, 'latin1')],
  [
    'ndjson',
    { type: 'json' },
    `\ufeff${lines.map((_, i) => `${i % 5 === 0 ? '\n  \n' : ''}{"id":${i},"t":"${'é'.repeat(i % 3)}"}`).join('\r\n')}`,
  ],
  ['json_list', { type: 'json' }, `[${lines.map((_, i) => `{"id":${i}}`).join(',\n')}]`],
  ['fixed', { type: 'fixed_width', fields }, crlf],
];

it.each(inputs)('a file in pieces has the rows of the whole: %s', async (name, format, content) => {
  await project.file(`${name}/a`, content);
  const found: unknown[] = [];
  for (const workers of [1, 4]) {
    const yaml = job(name, { format, workers });
    const { counts } = await project.ok(yaml);
    found.push([counts.rows_read, counts.bytes_read, await project.rows(yaml, `SELECT * FROM ${name} ORDER BY n`)]);
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);
    expect(await project.rows(yaml, 'SELECT path FROM _sluice_files')).toEqual([[`${name}/a`]]);
  }
  for (const other of found.slice(1)) expect(other).toEqual(found[0]);
});

describe('bad rows have their place in the whole file', () => {
  const content = lines.map((line, i) => (i === 50 ? 'no row' : line)).join('\n');
  const where = { path: 'bad/a', line: 51, byte_offset: Buffer.from(content).indexOf('no row') };
  it.each([1, 4])('where they fail the run (%d tasks)', async (workers) => {
    await project.file('bad/a', content);
    for (const metadata of [{}, { columns: [] }]) {
      const { error } = await project.run(job('bad', { format: { type: 'text', regex }, workers, rest: metadata }));
      expect(error?.toJSON()).toMatchObject({ code: 'format/no-match', where });
    }
  });
  it.each([1, 4])('where they are set aside (%d tasks)', async (workers) => {
    await project.file('bad/a', content);
    const yaml = job('bad', { format: { type: 'text', regex, on_bad_row: 'quarantine' }, workers });
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT path, row_number, byte_offset FROM _sluice_quarantine')).toEqual([
      ['bad/a', '51', String(where.byte_offset)],
    ]);
    expect(await project.rows(yaml, 'SELECT count(*), max(n) FROM bad')).toEqual([['59', '60']]);
  });
  it.each([1, 4])('and bytes that are no characters too (%d tasks)', async (workers) => {
    const broken = Buffer.from(content);
    broken[where.byte_offset] = 0xff;
    await project.file('bytes/a', broken);
    const { error } = await project.run(job('bytes', { format: { type: 'text' }, workers, rest: { columns: [] } }));
    expect(error?.toJSON()).toMatchObject({ code: 'format/encoding', where: { ...where, path: 'bytes/a' } });
  });
  it.each([1, 4])('and records of JSON too (%d tasks)', async (workers) => {
    const records = lines.map((_, i) => (i === 50 ? 'no row' : `{"id":${i}}`)).join('\n');
    await project.file('json/a', records);
    const { error } = await project.run(job('json', { format: { type: 'json' }, workers, rest: { columns: [] } }));
    expect(error?.toJSON()).toMatchObject({ where: { line: 51, byte_offset: records.indexOf('no row') } });
  });
  it.each([1, 4])('a last line that is cut off (%d tasks)', async (workers) => {
    await project.file('cut/a', `${'0001,abc\n'.repeat(40)}0002,a`);
    const { error } = await project.run(job('cut', { format: { type: 'fixed_width', fields }, workers }));
    expect(error?.toJSON()).toMatchObject({ code: 'format/row-width', where: { line: 41 } });
  });
});
