import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resolveReferences } from '../src/index.ts';
import type { JsonObject } from '../src/model/json.ts';
import { registry } from '../src/runtime.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { FakeGoogle, refuse } from './fake-google.ts';

describe('gdrive against a server that answers as Google does', () => {
  let google: FakeGoogle;
  let project: EngineProject;
  let jobs = 0;
  let name = '';

  beforeAll(async () => {
    process.env.SLUICE_RETRY_MS = '20';
    google = await FakeGoogle.start();
    project = await engineProject({ CREDENTIALS: google.credentials });
  });
  beforeEach(() => {
    name = `job_${++jobs}`;
    google.server.seen.length = 0;
    google.fault = () => false;
  });
  afterAll(async () => {
    await google.stop();
    await project.close();
  });

  const job = (source: string, more = '') => `
name: ${name}
source:
  type: gdrive
  endpoint: ${google.url}
  credentials: \${env:CREDENTIALS}
${source.replace(/^/gm, '  ')}
${more}`;

  it('duplicate and blank headers, blank rows and short rows', async () => {
    google.sheet('s1', 'Report', {
      'It’s': [['id', 'pct', '', 'pct'], ['1', '10', 'x', '20'], [], ['2', '30', '', '40'], ['3']],
      Other: [['a'], ['b']],
    });
    const yaml = job('file_id: s1');
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT * FROM ${name} ORDER BY id`)).toEqual([
      ['1', '10', 'x', '20'],
      ['2', '30', null, '40'],
      ['3', null, null, null],
    ]);
    const columns = await project.rows(yaml, `SELECT column_name FROM (DESCRIBE ${name})`);
    expect(columns.flat()).toEqual(['id', 'pct', 'column_3', 'pct_2']);
  });

  it('numbers as they are stored; sheet, range and header as the format says', async () => {
    google.sheet('s2', 'Numbers', {
      "It's data": [
        ['a title'],
        ['n', 'code', 'ok', 'note'],
        [0.1, '007', true, 'say "hi",\nthere'],
        [1234567890123456, 'x', false, ''],
        [-1e-7, '0E5', true, "'"],
      ],
    });
    const yaml = job("file_id: s2\nformat:\n  type: sheets\n  sheet: It's data\n  range: A2:D");
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT n::double, code, ok, note FROM ${name} ORDER BY n::double`)).toEqual([
      ['-1e-7', '0E5', 'true', "'"],
      ['0.1', '007', 'true', 'say "hi",\nthere'],
      ['1234567890123456', 'x', 'false', null],
    ]);
    const missing = await project.run(job('file_id: s2\nformat:\n  type: sheets\n  sheet: Gone'));
    expect(missing.error).toMatchObject({ code: 'source/missing', kind: 'config' });
    name = `job_${++jobs}`;
    const bare = job('file_id: s2\nformat:\n  type: sheets\n  range: A3:D\n  header: false');
    await project.ok(bare);
    expect(await project.rows(bare, `SELECT count(*), max(column_2) FROM ${name}`)).toEqual([['3', 'x']]);
  });

  it('a folder, page by page and level by level; the feed of changes spares the next listing', async () => {
    google.folder('f', 'exports');
    google.folder('f2', '2026', 'f');
    google.put('c1', 'a.csv', { parent: 'f', text: 'id\n1\n' });
    google.put('c2', 'a.csv', { parent: 'f', text: 'id\n2\n' });
    google.put('c3', 'b/c é.csv', { parent: 'f2', text: 'id\n3\n' });
    google.put('c4', 'note.txt', { parent: 'f', text: 'no' });
    google.put('c5', 'Doc.csv', { parent: 'f', mimeType: 'application/vnd.google-apps.document' });
    google.put('target', 'elsewhere', { parent: 'other', text: 'id\n4\n' });
    google.put('c6', 'link.csv', {
      parent: 'f',
      mimeType: 'application/vnd.google-apps.shortcut',
      shortcut: { targetId: 'target', targetMimeType: 'text/csv' },
    });
    const yaml = job('folder_id: f\npath: "**/*.csv"\nformat: csv', 'columns:\n  - name: file\n    metadata: path\n');
    await project.ok(yaml);
    // The second of two equal names ends in its id.
    expect(await project.rows(yaml, `SELECT id, file FROM ${name} ORDER BY id`)).toEqual([
      ['1', 'a.csv'],
      ['2', 'a.csv#c2'],
      ['3', '2026/b%2Fc é.csv'],
      ['4', 'link.csv'],
    ]);
    google.server.seen.length = 0;
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);
    expect(google.paths.filter((path) => path.endsWith('/files'))).toEqual([]);
    google.put('c7', 'late.csv', { parent: 'f2', text: 'id\n5\n' });
    expect((await project.ok(yaml)).counts.rows_written).toBe(1);
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);
  });

  it('a glance takes one page of the newest files, and asks for no place in the feed', async () => {
    google.folder('glance', 'many');
    for (let i = 0; i < 9; i++) google.put(`g${i}`, `${i}.csv`, { parent: 'glance', text: 'id\n1\n' });
    const [stream] = project.compile(job('folder_id: glance\npath: "*.csv"\nformat: csv')).streams;
    const values = { env: project.env, file: () => null, stream: name };
    const settings = resolveReferences(stream?.source.settings ?? {}, values).value as JsonObject;
    const source = await registry.sources.gdrive?.load();
    const { signal } = new AbortController();
    const session = await source?.connect({ settings, projectDir: project.dir, signal, log: () => {}, glance: true });
    const found: string[] = [];
    const request = {
      checkpoint: null,
      known: new Map(),
      incremental: { type: 'none' } as const,
      spool: '',
      once: true,
    } as const;
    for await (const { file } of session?.splits({ ...request, parts: 1 }) ?? []) found.push(file?.path ?? '');
    await session?.close();
    expect(found).toEqual(['8.csv', '7.csv']);
    expect(google.paths.filter((path) => /files|changes/.test(path))).toHaveLength(1);
  });

  it('what waits for its age is loaded later, though nothing changes', async () => {
    google.folder('w', 'waiting');
    google.put('w1', 'old.csv', { parent: 'w', text: 'id\n1\n' });
    google.put('w2', 'new.csv', { parent: 'w', text: 'id\n2\n', modifiedTime: new Date().toISOString() });
    const yaml = job('folder_id: w\npath: "*.csv"\nmin_age: 1d');
    expect((await project.ok(yaml)).counts.rows_written).toBe(1);
    const later = yaml.replace('min_age: 1d', 'min_age: 0s');
    expect((await project.ok(later)).counts.rows_written).toBe(1);
  });

  it('a download that breaks goes on where it stopped; a limit is waited for', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i},${'y'.repeat(20)}`);
    google.put('big', 'big.csv', { text: `id,text\n${lines.join('\n')}\n` });
    let breaks = 2;
    let limits = 1;
    google.fault = ({ query, path }, response) => {
      if (path.endsWith('/big') && query.alt !== 'media' && limits-- > 0) {
        refuse(response, 403, 'userRateLimitExceeded');
        return true;
      }
      if (query.alt !== 'media' || breaks-- <= 0) return false;
      const range = google.server.seen.at(-1)?.headers.range ?? '';
      const from = Number(/bytes=(\d+)-/.exec(range)?.[1] ?? 0);
      const body = google.files.get('big')?.body ?? Buffer.alloc(0);
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': body.length - from });
      response.write(body.subarray(from, from + 200_000), () => response.destroy());
      return true;
    };
    const yaml = job('file_id: big');
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT count(*), count(DISTINCT id) FROM ${name}`)).toEqual([['30000', '30000']]);
  });

  it('a sheet that changes while it is read is not loaded', async () => {
    google.sheet('s3', 'Busy', { A: [['id'], [1]] });
    google.fault = ({ path }) => {
      if (path.includes('/values/')) google.sheet('s3', 'Busy', { A: [['id'], [2]] });
      return false;
    };
    expect((await project.run(job('file_id: s3'))).error).toMatchObject({ code: 'source/changed', kind: 'transient' });
  });

  it('says what is wrong, and nothing of the key', async () => {
    const secret = JSON.parse(google.credentials).private_key.split('\n')[3];
    const told = async (source: string, credentials = google.credentials) => {
      project.env.CREDENTIALS = credentials;
      const { error } = await project.run(job(source));
      project.env.CREDENTIALS = google.credentials;
      expect(JSON.stringify([error, error?.message])).not.toContain(secret);
      return error?.code;
    };
    expect(await told('file_id: nothing')).toBe('source/missing');
    expect(await told('path: "*.csv"')).toBe('source/settings');
    expect(await told('file_id: s1', 'no json')).toBe('source/auth');
    expect(await told('file_id: s1', google.credentials.replace('BEGIN PRIVATE', 'BEGIN BROKEN'))).toBe('source/auth');
    expect(await told('file_id: s1', google.credentials.replace('reader@', 'writer@'))).toBe('source/auth');
    google.fault = ({ path }, response) => {
      if (path.startsWith('/token')) return false;
      refuse(response, 403, 'insufficientFilePermissions');
      return true;
    };
    expect(await told('file_id: s1')).toBe('source/permission');
  });

  it('after_load takes each of two equal names, and of a shortcut what lies in the folder', async () => {
    google.folder('in', 'in');
    google.put('one', 'a/b.csv', { parent: 'in', text: 'id\n1\n' });
    google.put('two', 'a/b.csv', { parent: 'in', text: 'id\n2\n' });
    google.put('far', 'c.csv', { parent: 'elsewhere', text: 'id\n3\n' });
    const shortcut = { targetId: 'far', targetMimeType: 'text/csv' };
    google.put('link', "it's.csv", { parent: 'in', mimeType: 'application/vnd.google-apps.shortcut', shortcut });
    const yaml = job('folder_id: in\npath: "**/*.csv"\nafter_load:\n  move: done/2026');
    expect((await project.ok(yaml)).counts.rows_written).toBe(3);
    const lies = (id: string) => {
      const { name, parent = '' } = google.files.get(id) ?? {};
      return [google.files.get(google.files.get(parent)?.parent ?? '')?.name, google.files.get(parent)?.name, name];
    };
    expect(lies('one')).toEqual(['done', '2026', 'a/b.csv']);
    expect(lies('two')).toEqual(['done', '2026', expect.stringMatching(/^a\/b-\d{8}T\d{6}Z\.csv$/)]);
    expect(lies('link')).toEqual(['done', '2026', "it's.csv"]);
    expect(google.files.get('far')).toMatchObject({ parent: 'elsewhere', name: 'c.csv' });
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);
  });
});
