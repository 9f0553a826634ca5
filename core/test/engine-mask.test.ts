import { createHmac } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Json, resolveReferences } from '../src/index.ts';
import { previewStream } from '../src/runtime.ts';
import { type EngineProject, engineProject } from './engine.ts';

const KEY = 'the key of the tests, which is longer than one block of SHA-256: sixty-four bytes';
const hash = (text: string, key = KEY) => createHmac('sha256', key).update(text).digest('hex');

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject({ MASK_KEY: KEY, SHORT: 'k', NONE: '' });
  project.config = config('MASK_KEY');
});
afterAll(() => project.close());

const config = (name: string) => `version: 1\nname: p\nmasking:\n  key: \${env:${name}}\n`;

function job(
  name: string,
  columns: string,
  more: { source?: string; top?: string; destination?: string } = {},
): string {
  return `name: ${name}
source:
  type: local
  path: ${name}/*.csv
${more.source ?? ''}columns:
${columns}${more.top ?? ''}limits: {max_rejected: {ratio: 1}}
destination:
  type: duckdb
  path: ${name}.duckdb
${more.destination ?? ''}`;
}

const MASKS = `  - {name: mail, from: email, mask: hash}
  - {name: phone, mask: partial}
  - {name: note, mask: redact}
  - {name: born, type: date, mask: redact}
  - {name: pin, mask: hash}
`;
const PEOPLE = `id,email,phone,note,born,pin
1,ann@secret.example,+49 30 901820,secret words,2001-02-03,007
2,bob@secret.example,1234567,,,7
3,,,,,
`;

describe('masked columns', () => {
  it.each([
    ['direct', '', ''],
    [
      'checked',
      'checks:\n  - not_null: {columns: [id]}\n  - row_count: {min: 1}\ntransform:\n  - dedupe: {key: [mail, id]}\n',
      '',
    ],
    ['merged', '', '  write_disposition: merge\n  primary_key: [id, pin]\n'],
  ])('hold masks in the destination: %s', async (name, top, destination) => {
    await project.file(`${name}/a.csv`, name === 'merged' ? PEOPLE.replace('3,,,,,', '3,,,,,3') : PEOPLE);
    const yaml = job(name, MASKS, { top, destination });
    await project.ok(yaml);
    const rows = await project.rows(yaml, `SELECT mail, phone, note, born, pin FROM ${name} ORDER BY id`);
    expect(rows.slice(0, 2)).toEqual([
      [hash('ann@secret.example'), '****1820', '***', null, hash('007')],
      [hash('bob@secret.example'), '****', null, null, hash('7')],
    ]);
    expect(rows[2]?.slice(0, 4)).toEqual([null, null, null, null]);
    // The table now has these types; a second load into it is masked alike.
    await project.file(`${name}/b.csv`, PEOPLE.replace('1,ann', '4,ann'));
    if (name !== 'merged') {
      await project.ok(yaml);
      expect(await project.rows(yaml, `SELECT mail, pin FROM ${name} WHERE id = 4`)).toEqual([
        [hash('ann@secret.example'), hash('007')],
      ]);
    }
  });

  it('a short key is padded, and another key gives other hashes', async () => {
    await project.file('short/a.csv', PEOPLE);
    project.config = config('SHORT');
    try {
      const yaml = job('short', MASKS);
      await project.ok(yaml);
      expect(await project.rows(yaml, 'SELECT mail FROM short WHERE id = 1')).toEqual([
        [hash('ann@secret.example', 'k')],
      ]);
    } finally {
      project.config = config('MASK_KEY');
    }
  });

  it('an empty key is an error', async () => {
    await project.file('empty/a.csv', PEOPLE);
    project.config = config('NONE');
    try {
      expect((await project.run(job('empty', MASKS))).error).toMatchObject({ code: 'mask/key', kind: 'config' });
    } finally {
      project.config = config('MASK_KEY');
    }
  });

  it('are masked under the name that a step gives again', async () => {
    await project.file('derived/a.csv', PEOPLE);
    const yaml = job('derived', '  - {name: mail, derived: true, mask: hash}\n', {
      top: 'transform:\n  - derive: [{name: Mail, expression: lower(email)}]\n  - select: [id, Mail]\n',
    });
    await project.ok(yaml);
    expect(await project.rows(yaml, 'SELECT "Mail" FROM derived WHERE id = 2')).toEqual([[hash('bob@secret.example')]]);
  });
});

describe('what is set aside', () => {
  const text = `${PEOPLE}4,dan@secret.example,555 123 4567,secret,not a date,1
5,too,few@secret.example
6,eve@secret.example,555 123 4567,secret,2001-01-01,2
`;
  const all = async (yaml: string) =>
    (await project.rows(yaml, 'SELECT code, "row" FROM _sluice_quarantine ORDER BY row_number')).map(
      ([code, row]) =>
        [code, row === null || row === undefined ? null : (JSON.parse(row) as Record<string, unknown>)] as const,
    );

  it('is masked too, and a row that is no columns has no text', async () => {
    await project.file('aside/a.csv', text);
    const yaml = job('aside', MASKS, {
      source: '  format: {type: csv, on_bad_row: quarantine}\n',
      top: 'checks:\n  - expression: {sql: id <> 6, on_failure: quarantine}\n',
    });
    const { counts } = await project.ok(yaml);
    expect(counts.rows_quarantined).toBe(3);
    const rows = new Map(await all(yaml));
    const masked = { phone: '****4567', note: '***', born: null };
    expect(rows.get('format/row-width')).toBeNull();
    expect(rows.get('type/value')).toMatchObject({
      id: '4',
      email: hash('dan@secret.example'),
      phone: '****4567',
      note: '***',
      born: '***',
      pin: hash('1'),
    });
    expect(rows.get('check/expression')).toMatchObject({
      id: 6,
      mail: hash('eve@secret.example'),
      ...masked,
      pin: hash('2'),
    });
    expect(JSON.stringify([...rows])).not.toContain('secret');
  });

  it('where a step makes the masked column, the rows as they were read stay behind', async () => {
    await project.file('made/a.csv', text);
    const yaml = job('made', '  - {name: mail, derived: true, mask: hash}\n  - {name: born, type: date}\n', {
      source: '  format: {type: csv, on_bad_row: quarantine}\n',
      top: 'transform:\n  - derive: [{name: mail, expression: email}]\n  - drop: [email]\n',
    });
    await project.ok(yaml);
    expect(await all(yaml)).toEqual(expect.arrayContaining([['type/value', null]]));
    expect(JSON.stringify(await all(yaml))).not.toContain('dan@');
  });
});

describe('what is said', () => {
  it.each([
    ['id', 'said_row', ''],
    ['id over all', 'said_run', 'checks:\n  - unique: {columns: [id]}\n'],
  ])('errors of user SQL hold no value and no key: %s', async (_, name, top) => {
    await project.file(`${name}/a.csv`, PEOPLE);
    const yaml = job(name, MASKS, { top: `transform:\n  - derive: [{name: n, expression: mail::int}]\n${top}` });
    const { error, logs } = await project.run(yaml);
    expect(error).toMatchObject({ code: 'sql/value' });
    const texts: string[] = [];
    for (let e: unknown = error; e instanceof Error; e = e.cause) texts.push(e.message, String(e.stack));
    const said = JSON.stringify([error, texts, logs]);
    expect(said).not.toContain('secret');
    expect(said).not.toContain(KEY.slice(0, 12));
  });

  it('the key cannot be read by user SQL', async () => {
    await project.file('steal/a.csv', PEOPLE);
    for (const step of [
      "derive: [{name: k, expression: getvariable('_sluice_mask_inner')}]",
      'sql: "select * from duckdb_variables()"',
    ]) {
      const { error } = await project.run(job('steal', MASKS, { top: `transform:\n  - ${step}\n` }));
      expect(error).toMatchObject({ kind: 'config', code: expect.stringMatching(/^sql\//) });
    }
  });

  it('a preview is masked', async () => {
    await project.file('shown/a.csv', PEOPLE);
    const [symbols] = project.compile(job('shown', MASKS)).streams;
    const values = { env: project.env, file: () => null, stream: 'shown' };
    const stream = resolveReferences(symbols as unknown as Json, values).value as unknown as NonNullable<
      typeof symbols
    >;
    const spool = join(project.dir, 'preview');
    await mkdir(spool, { recursive: true });
    const options = { projectDir: project.dir, spool, rows: 10, memory: 200_000_000, threads: 1 };
    const found = await previewStream({ stream, ...options, signal: new AbortController().signal, log: () => {} });
    expect(found.rows.flat()).toContain(hash('ann@secret.example'));
    expect(JSON.stringify(found)).not.toContain('secret');
  });
});
