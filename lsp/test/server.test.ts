import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, createProject, parseDocument, positionAt } from '@sluice/core';
import { afterEach, describe, expect, it } from 'vitest';
import { type Any, Client, folderWith, SERVER } from './client.ts';

const CONFIG = 'version: 1\nname: p\nconnections:\n  lake:\n    type: local\n    root: in\n';
const JOB = 'name: orders\nsource:\n  connection: lake\n  path: a.csv\n';

let client: Client;
afterEach(async () => {
  if (client?.process.exitCode === null) await client.stop();
});

const short = (found: Any[]) =>
  found.map(({ code, range: { start, end } }) => [code, start.line, start.character, end.line, end.character]);

/** The same findings as a program that has the texts would print. */
function asValidate(files: Record<string, string>, file: string): Any[] {
  const documents = Object.entries(files).map(([name, text]) => parseDocument(text, name));
  const config = documents.find((document) => document.file === 'sluice.yaml') ?? null;
  const project = createProject({ config, jobs: documents.filter((document) => document !== config) });
  const document = documents.find((candidate) => candidate.file === file)!;
  return check(document, project).map(({ code, range, message }) => ({
    code,
    message,
    range: { start: positionAt(document, range.start), end: positionAt(document, range.end) },
  }));
}

describe('findings', () => {
  it('are pushed where the client does not ask, and never both', async () => {
    client = new Client();
    const { dir, uri } = folderWith({ 'sluice.yaml': CONFIG, 'jobs/a.yaml': JOB });
    const { capabilities } = await client.start(dir);
    expect(capabilities.diagnosticProvider).toBeUndefined();
    expect(capabilities.positionEncoding).toBe('utf-16');
    const at = uri('jobs/a.yaml');
    client.open(at, 'name: orders\nsorce:\n  connection: lake\n  path: a.csv\n');
    expect(short(await client.pushed(at, 1))).toEqual([['schema/unknown-key', 1, 0, 1, 5]]);
    client.change(at, 2, [
      { range: { start: { line: 1, character: 1 }, end: { line: 1, character: 1 } }, text: 'o' },
      { range: { start: { line: 1, character: 2 }, end: { line: 1, character: 3 } }, text: 'u' },
    ]);
    expect(await client.pushed(at, 2)).toEqual([]);
    client.change(at, 3, [{ text: JOB.replace('lake', 'lak') }]);
    expect(short(await client.pushed(at, 3))).toEqual([['connection/unknown', 2, 14, 2, 17]]);
  });

  it('are given when asked for where the client asks, with a number for what has not changed', async () => {
    client = new Client();
    const { dir, uri } = folderWith({ 'sluice.yaml': CONFIG, 'jobs/a.yaml': JOB });
    const { capabilities } = await client.start(dir, { textDocument: { diagnostic: {} } });
    expect(capabilities.diagnosticProvider).toMatchObject({ interFileDependencies: true, workspaceDiagnostics: false });
    const at = uri('jobs/a.yaml');
    client.open(at, JOB.replace('lake', 'lak'));
    const first = await client.request('textDocument/diagnostic', { textDocument: { uri: at } });
    expect(short(first.items)).toEqual([['connection/unknown', 2, 14, 2, 17]]);
    const again = await client.request('textDocument/diagnostic', {
      textDocument: { uri: at },
      previousResultId: first.resultId,
    });
    expect(again).toEqual({ kind: 'unchanged', resultId: first.resultId });
    client.change(at, 2, [{ text: JOB }]);
    const mended = await client.request('textDocument/diagnostic', {
      textDocument: { uri: at },
      previousResultId: first.resultId,
    });
    expect(mended).toMatchObject({ kind: 'full', items: [] });
    expect(client.notifications.filter(({ method }) => method === 'textDocument/publishDiagnostics')).toEqual([]);
  });

  it('say the same as validate, in files that are not open too', async () => {
    const files = {
      'sluice.yaml': CONFIG,
      'jobs/a.yaml':
        'name: a\ndepends_on: [b, c]\nsource: {type: local, path: 02134}\ndestination: {write_dispositon: merge}\n',
      'jobs/b.yaml': 'name: a\nsource: {connection: lak, path: a.csv}\n',
      'other.yaml': 'services: {}\n',
    };
    client = new Client();
    const { dir, uri } = folderWith(files);
    await client.start(dir, { textDocument: { diagnostic: {} } }, { workspaceDiagnostics: true });
    const { 'other.yaml': _, ...ours } = files;
    const all = await client.request('workspace/diagnostic', { previousResultIds: [] });
    for (const file of Object.keys(ours)) {
      const found = all.items.find((item: Any) => item.uri === uri(file));
      const plain = found.items.map(({ code, message, range }: Any) => ({ code, message, range }));
      expect(plain).toEqual(asValidate(ours, file));
    }
    expect(all.items).toHaveLength(3);
    const ids = all.items.map((item: Any) => ({ uri: item.uri, value: item.resultId }));
    const again = await client.request('workspace/diagnostic', { previousResultIds: ids });
    expect(again.items.map((item: Any) => item.kind)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    client.open(uri('other.yaml'), files['other.yaml']);
    const other = await client.request('textDocument/diagnostic', { textDocument: { uri: uri('other.yaml') } });
    expect(other.items).toEqual([]);
  });

  it('follow what changes elsewhere: another open file, a file on disk, sluice.yaml', async () => {
    client = new Client();
    const { dir, uri } = folderWith({
      'sluice.yaml': CONFIG,
      'jobs/a.yaml': JOB,
      'jobs/b.yaml': JOB.replace('orders', 'b'),
    });
    await client.start(dir);
    const a = uri('jobs/a.yaml');
    client.open(a, `depends_on: [b]\n${JOB}`);
    expect(await client.pushed(a, 1)).toEqual([]);
    const afterDelete = client.next(({ params }) => params?.uri === a && params.diagnostics.length > 0);
    writeFileSync(join(dir, 'jobs/b.yaml'), JOB.replace('orders', 'c'));
    client.notify('workspace/didChangeWatchedFiles', { changes: [{ uri: uri('jobs/b.yaml'), type: 2 }] });
    // The version is the same, and so the finding counts as an answer of its own.
    expect(short((await afterDelete).params.diagnostics)).toEqual([['job/unknown-dependency', 0, 13, 0, 14]]);
    const b = uri('jobs/b.yaml');
    const mended = client.next(({ params }) => params?.uri === a && params.diagnostics.length === 0);
    client.open(b, JOB.replace('orders', 'b'));
    await mended;
    const broken = client.next(({ params }) => params?.uri === a && params.diagnostics.length > 0);
    client.open(uri('sluice.yaml'), CONFIG.replace('lake', 'sea'));
    expect((await broken).params.diagnostics[0].code).toBe('connection/unknown');
  });

  it('drop versions that were overtaken', async () => {
    client = new Client();
    const { dir, uri } = folderWith({ 'sluice.yaml': CONFIG, 'jobs/a.yaml': JOB });
    await client.start(dir);
    const at = uri('jobs/a.yaml');
    client.open(at, JOB, 5);
    await client.pushed(at, 5);
    client.change(at, 4, [{ text: 'broken: [' }]);
    client.change(at, 6, [
      { range: { start: { line: 0, character: 6 }, end: { line: 0, character: 12 } }, text: 'other' },
    ]);
    expect(await client.pushed(at, 6)).toEqual([]);
    const symbols = await client.request('textDocument/documentSymbol', { textDocument: { uri: at } });
    expect(symbols[0]).toMatchObject({ name: 'name', detail: 'other' });
  });

  it('of several projects in several folders stay apart, and a lone file is one of its own', async () => {
    client = new Client();
    const { dir, uri } = folderWith({
      'one/sluice.yaml': CONFIG,
      'one/jobs/a.yaml': JOB,
      'two/sluice.yaml': CONFIG.replace('lake', 'sea'),
      'two/jobs/a.yaml': JOB,
      'three/x.sluice.yaml': JOB,
    });
    await client.start(join(dir, 'one'));
    client.notify('workspace/didChangeWorkspaceFolders', {
      event: { added: [{ uri: uri('two'), name: 'two' }], removed: [] },
    });
    for (const file of ['one/jobs/a.yaml', 'two/jobs/a.yaml', 'three/x.sluice.yaml']) client.open(uri(file), JOB);
    expect(await client.pushed(uri('one/jobs/a.yaml'), 1)).toEqual([]);
    expect((await client.pushed(uri('two/jobs/a.yaml'), 1))[0].code).toBe('connection/unknown');
    expect((await client.pushed(uri('three/x.sluice.yaml'), 1))[0].code).toBe('connection/unknown');
  });
});

describe('cases of other servers', () => {
  const open = async (text: string) => {
    client = new Client();
    const { dir, uri } = folderWith({ 'sluice.yaml': 'version: 1\nname: p\n', 'jobs/a.yaml': '' });
    await client.start(dir);
    client.open(uri('jobs/a.yaml'), text);
    return await client.pushed(uri('jobs/a.yaml'), 1);
  };

  it('texts that look like numbers or switches stay texts', async () => {
    const columns = ['02134', 'NO', '12:30:45', '1.10'].map(
      (text) => `  - name: a${text.length}\n    description: ${text}\n`,
    );
    expect(await open(`name: a\nsource: {type: local, path: a.csv}\ncolumns:\n${columns.join('')}`)).toEqual([]);
  });

  it('a key that is given twice is an error on the second', async () => {
    const found = await open('name: orders\nsource:\n  type: local\n  path: in/orders.csv\n  type: local\n');
    expect(short(found)).toEqual([['yaml/duplicate-key', 4, 2, 4, 6]]);
  });

  it.each([1, 40])('a key that is indented too far is shown where it stands, below %i comments', async (comments) => {
    const found = await open(`name: orders\n${'# nightly load\n'.repeat(comments)}\n mode: append\n`);
    expect(found.map(({ range }) => range.start.line)).toEqual([comments + 2]);
  });

  it('columns are counted in UTF-16 units, and an emoji is no fault', async () => {
    const found = await open(
      'name: a\nsource: {type: local, path: a.csv}\nchecks:\n  - {"📦📦": 1}\ncolumns:\n  - {description: "📦📦 nightly", name: a, typ: text}\n',
    );
    const typ = found.find(({ message }: Any) => message.includes('`typ`'));
    expect(short([typ])).toEqual([['schema/unknown-key', 5, 43, 5, 46]]);
  });

  it('line ends may be CRLF', async () => {
    const found = await open('name: orders\r\nsource:\r\n  type: local\r\n  path: a.csv\r\n  pth: b\r\n');
    expect(short(found)).toEqual([['schema/unknown-key', 4, 2, 4, 5]]);
  });
});

describe('what is asked at a place', () => {
  it('is answered on half-written text', async () => {
    client = new Client();
    const { dir, uri } = folderWith({ 'sluice.yaml': CONFIG, 'jobs/a.yaml': JOB, 'in/b.csv': '' });
    await client.start(dir, {
      textDocument: {
        completion: { completionItem: { snippetSupport: true, insertTextModeSupport: { valueSet: [1, 2] } } },
      },
    });
    const at = uri('jobs/a.yaml');
    client.open(at, 'name: orders\r\ntags: [x\r\nsource:\r\n  connection: lake\r\n  pa\r\nschedule: "0 2 * * *"\r\n');
    const { items } = await client.request('textDocument/completion', client.at(at, 4, 4));
    expect(items[0]).toMatchObject({
      label: 'path',
      insertTextFormat: 2,
      textEdit: { range: { start: { line: 4, character: 2 }, end: { line: 4, character: 4 } } },
    });
    const hover = await client.request('textDocument/hover', client.at(at, 3, 16));
    expect(hover.contents).toMatchObject({ kind: 'markdown' });
    expect(hover.contents.value).toContain('lake');
    const hints = await client.request('textDocument/inlayHint', {
      textDocument: { uri: at },
      range: { start: { line: 0, character: 0 }, end: { line: 9, character: 0 } },
    });
    expect(hints).toMatchObject([{ position: { line: 5, character: 21 }, label: 'every day at 02:00 (UTC)' }]);
    const paths = await client.request('textDocument/completion', client.at(at, 3, 18));
    expect(paths.items.map((item: Any) => item.label)).toContain('lake');
  });

  it('goes to and renames across files', async () => {
    client = new Client();
    const { dir, uri } = folderWith({
      'sluice.yaml': CONFIG,
      'jobs/a.yaml': JOB,
      'jobs/b.yaml': `name: b\ndepends_on: [orders]\n${JOB.slice(13)}`,
    });
    await client.start(dir);
    const at = uri('jobs/a.yaml');
    client.open(at, JOB);
    await client.pushed(at, 1);
    const [connection] = await client.request('textDocument/definition', client.at(at, 2, 16));
    expect(connection).toEqual({
      uri: uri('sluice.yaml'),
      range: { start: { line: 3, character: 2 }, end: { line: 3, character: 6 } },
    });
    const uses = await client.request('textDocument/references', {
      ...client.at(at, 2, 16),
      context: { includeDeclaration: false },
    });
    expect(uses.map((use: Any) => use.uri)).toEqual([at, uri('jobs/b.yaml')]);
    const marked = await client.request('textDocument/documentHighlight', client.at(at, 2, 16));
    expect(marked).toEqual([
      { kind: 2, range: { start: { line: 2, character: 14 }, end: { line: 2, character: 18 } } },
    ]);
    const { changes } = await client.request('textDocument/rename', { ...client.at(at, 0, 8), newName: 'sales' });
    expect(Object.keys(changes)).toEqual([at, uri('jobs/b.yaml')]);
    expect(changes[at].map((edit: Any) => edit.newText)).toEqual(['sales', '\nrenamed_from: [orders]']);
    await expect(client.request('textDocument/rename', { ...client.at(at, 0, 8), newName: 'b' })).rejects.toThrow(
      /already/,
    );
    const symbols = await client.request('workspace/symbol', { query: 'ord' });
    expect(symbols).toMatchObject([{ name: 'orders', location: { uri: at } }]);
  });

  it('writes what an item is about when it is asked for that one, where the client says that it asks', async () => {
    client = new Client();
    const { dir, uri } = folderWith({ 'sluice.yaml': CONFIG, 'jobs/a.yaml': JOB });
    const completionItem = { resolveSupport: { properties: ['documentation'] }, documentationFormat: ['markdown'] };
    const { capabilities } = await client.start(dir, { textDocument: { completion: { completionItem } } });
    expect(capabilities.completionProvider.resolveProvider).toBe(true);
    const at = uri('jobs/a.yaml');
    client.open(at, `${JOB}  f`);
    // Nobody has asked for findings of this text yet.
    const { items } = await client.request('textDocument/completion', client.at(at, 4, 3));
    const item = items.find(({ label }: Any) => label === 'format');
    expect(item.documentation).toBeUndefined();
    const resolved = await client.request('completionItem/resolve', item);
    expect(resolved).toMatchObject({ label: 'format', textEdit: item.textEdit });
    expect(resolved.documentation).toMatchObject({ kind: 'markdown', value: expect.stringContaining('Type:') });
    client.change(at, 2, [{ range: { start: { line: 4, character: 3 }, end: { line: 4, character: 3 } }, text: 'o' }]);
    const again = await client.request('textDocument/completion', client.at(at, 4, 4));
    expect(again.items.map(({ label }: Any) => label)).toContain('format');
  });

  it('offers fixes, lenses, folds and links', async () => {
    client = new Client();
    const { dir, uri } = folderWith({ 'sluice.yaml': CONFIG, 'jobs/a.yaml': JOB });
    await client.start(dir);
    const at = uri('jobs/a.yaml');
    client.open(at, JOB.replace('path', 'pth'));
    const range = { start: { line: 3, character: 3 }, end: { line: 3, character: 3 } };
    const actions = await client.request('textDocument/codeAction', {
      textDocument: { uri: at },
      range,
      context: { diagnostics: [] },
    });
    expect(actions[0]).toMatchObject({
      kind: 'quickfix',
      isPreferred: true,
      diagnostics: [{ code: 'schema/unknown-key' }],
    });
    expect(actions[0].edit.changes[at]).toEqual([
      { range: { start: { line: 3, character: 2 }, end: { line: 3, character: 5 } }, newText: 'path' },
    ]);
    const none = await client.request('textDocument/codeAction', {
      textDocument: { uri: at },
      range,
      context: { diagnostics: [], only: ['source'] },
    });
    expect(none).toEqual([]);
    client.change(at, 2, [{ text: JOB }]);
    const lenses = await client.request('textDocument/codeLens', { textDocument: { uri: at } });
    expect(lenses.map((lens: Any) => lens.command.command)).toEqual(['sluice.run', 'sluice.preview']);
    const folds = await client.request('textDocument/foldingRange', { textDocument: { uri: at } });
    expect(folds).toEqual([{ startLine: 1, endLine: 3 }]);
    const links = await client.request('textDocument/documentLink', { textDocument: { uri: at } });
    expect(links).toMatchObject([{ target: uri('in/a.csv') }]);
  });
});

describe('what our own extension asks for', () => {
  it('shows a run that it is told of in the code lenses, and has them asked for again', async () => {
    client = new Client();
    const { dir, uri } = folderWith({
      'sluice.yaml': 'version: 1\n',
      'jobs/a.yaml': 'name: a\nsource: {type: local, path: a.csv}\n',
    });
    const asked = new Promise((done) => client.answers.set('workspace/codeLens/refresh', done));
    await client.start(dir, { workspace: { codeLens: { refreshSupport: true } } });
    const at = uri('jobs/a.yaml');
    client.open(at, 'name: a\nsource: {type: local, path: a.csv}\n');
    await client.request('textDocument/codeLens', { textDocument: { uri: at } });
    const run = { status: 'succeeded', ended_at: null, duration_ms: 3200, rows_written: 12408 };
    client.notify('sluice/runs', { uri: uri('.'), runs: { a: run } });
    await asked;
    const lenses = await client.request('textDocument/codeLens', { textDocument: { uri: at } });
    expect(lenses.at(-1).command.title).toBe('last ok 3.2 s 12,408 rows');
  });

  it('places a run’s error in a file that is not open, with its fix, and writes new jobs', async () => {
    client = new Client();
    const text =
      'name: a\nsource:\n  type: local\n  path: a.csv\n  format: csv\ncolumns:\n  - name: n\n    type: int\n';
    const { dir, uri } = folderWith({ 'sluice.yaml': 'version: 1\n', 'jobs/a.yaml': text });
    await client.start(dir);
    await client.request('sluice/projects', null);
    writeFileSync(join(dir, 'jobs/c.yaml'), 'name: c\n');
    const changed = client.next(({ method }) => method === 'sluice/changed');
    client.notify('workspace/didChangeWatchedFiles', { changes: [{ uri: uri('jobs/c.yaml'), type: 1 }] });
    await changed;
    const [project] = await client.request('sluice/projects', null);
    expect(project.jobs.map(({ name }: Any) => name)).toEqual(['a', 'c']);
    const error = { code: 'type/value', kind: 'data', message: '', where: { stream: 'a', column: 'n' }, hint: null };
    const place = await client.request('sluice/runError', { uri: uri('jobs/a.yaml'), error });
    expect(place.range).toEqual({ start: { line: 7, character: 10 }, end: { line: 7, character: 13 } });
    expect(Object.keys(place.fixes[0].edit.changes)).toEqual([uri('jobs/a.yaml')]);
    expect(await client.request('sluice/runError', { uri: uri('jobs/none.yaml'), error })).toBeNull();
    const types = (await client.request('sluice/sources', null)).map(({ type }: Any) => type);
    expect(types).toContain('s3');
    const job = { name: 'b', type: 'local', connection: null, settings: { path: 'b.csv' } };
    expect(await client.request('sluice/newJob', job)).toContain('  path: b.csv\n');
  });
});

describe('the program', () => {
  it('is small, brings no native module, and ends with its client', async () => {
    expect(statSync(SERVER).size).toBeLessThan(1_500_000);
    client = new Client();
    const { dir } = folderWith({});
    await client.start(dir);
    expect(await client.stop()).toBe(0);
    expect(client.stderr).toBe('');
  });

  it('is started by `sluice lsp` as well', async () => {
    client = new Client([SERVER.replace(/lsp.dist.server\.js$/, 'runner/dist/sluice.js'), 'lsp', '--stdio']);
    const { dir } = folderWith({});
    const { serverInfo } = await client.start(dir);
    expect(serverInfo.name).toBe('sluice');
  });
});
