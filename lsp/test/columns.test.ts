import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { type Any, Client, folderWith } from './client.ts';

const SLUICE = fileURLToPath(new URL('../../runner/dist/sluice.js', import.meta.url));
const FILES = {
  'sluice.yaml': 'version: 1\nname: p\n',
  'in/orders.csv': 'order_id;Kunden-Nr.;amount\n1;K-77;10,50\n2;K-78;\n3;;7,00\n',
};
const JOB = [
  'name: orders',
  'source:',
  '  type: local',
  '  path: in/orders.csv',
  'transform:',
  '  - sql: select order_id, count(*) as n from input group by order_id',
  '  - drop: [amont]',
  'destination:',
  '  primary_key: []',
  '',
].join('\n');

let client: Client;
afterEach(async () => {
  if (client?.process.exitCode === null) await client.stop();
});

it('columns of the own source are read, completed, hovered and checked', async () => {
  client = new Client([SLUICE, 'lsp']);
  const { dir, uri } = folderWith({ ...FILES, 'jobs/a.yaml': JOB });
  await client.start(dir);
  const at = uri('jobs/a.yaml');
  const warned = client.next(
    ({ method, params }) =>
      method === 'textDocument/publishDiagnostics' &&
      params.diagnostics.some((d: Any) => d.code.startsWith('observed/')),
  );
  client.open(at, JOB);
  const { params } = await warned;
  const [found] = params.diagnostics.filter((d: Any) => d.code === 'observed/unknown-column');
  expect(found).toMatchObject({
    severity: 2,
    range: { start: { line: 6, character: 11 }, end: { line: 6, character: 16 } },
  });
  // Behind a query only its own columns are there.
  const keys = await client.request('textDocument/completion', client.at(at, 8, 16));
  expect(keys.items.map(({ label }: Any) => label)).toEqual(['order_id', 'n']);
  client.change(at, 2, [{ text: JOB.replace('transform:', 'columns:\n  - name: \ntransform:') }]);
  const names = await client.request('textDocument/completion', client.at(at, 5, 10));
  expect(names.items.map(({ label }: Any) => label)).toEqual(['order_id', 'Kunden-Nr.', 'amount']);
  client.change(at, 3, [
    { text: JOB.replace(/transform:[\s\S]*destination/, 'checks:\n  - not_null: [amount]\ndestination') },
  ]);
  const hover = await client.request('textDocument/hover', client.at(at, 5, 16));
  expect(hover.contents.value).toMatch(/`amount`: .*33% null/);
  const records = readdirSync(join(dir, '.sluice/columns'));
  const text = records.map((name) => readFileSync(join(dir, '.sluice/columns', name), 'utf8')).join('');
  // Names and types are kept, and no value.
  expect(text).toContain('Kunden-Nr.');
  expect(text).not.toContain('K-77');
});

it('nothing is read where the client forbids it', async () => {
  client = new Client([SLUICE, 'lsp']);
  const { dir, uri } = folderWith({ ...FILES, 'jobs/a.yaml': JOB });
  await client.start(dir, {}, { columnsWorker: false });
  const at = uri('jobs/a.yaml');
  client.open(at, JOB);
  await client.pushed(at, 1);
  expect(
    await client.request('workspace/executeCommand', { command: 'sluice.readColumns', arguments: [at] }),
  ).toBeNull();
  expect(existsSync(join(dir, '.sluice'))).toBe(false);
});

it('reads when it is asked to, and says why it cannot', async () => {
  client = new Client([SLUICE, 'lsp']);
  const { dir, uri } = folderWith({ ...FILES, 'jobs/a.yaml': JOB.replace('orders.csv', 'nothing.csv') });
  await client.start(dir);
  const at = uri('jobs/a.yaml');
  client.open(at, JOB.replace('orders.csv', 'nothing.csv'));
  const [failed] = await client.request('workspace/executeCommand', { command: 'sluice.readColumns', arguments: [at] });
  expect(failed).toMatchObject({ columns: 0, error: { code: 'source/no-data' } });
  client.change(at, 2, [{ text: JOB }]);
  const [read] = await client.request('workspace/executeCommand', { command: 'sluice.readColumns', arguments: [at] });
  expect(read).toEqual({ columns: 3, error: null });
});

it('a source elsewhere is asked about, once for each address', async () => {
  const web = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end('[{"person": 1, "born": "2001-02-03"}]');
  });
  await new Promise<void>((done) => web.listen(0, '127.0.0.1', done));
  const { port } = web.address() as AddressInfo;
  const job = (path: string) =>
    `name: people\nsource:\n  type: http\n  base_url: http://127.0.0.1:${port}\n  path: ${path}\nchecks:\n  - not_null: [persn]\n`;
  const asked: string[] = [];
  const questions = new EventEmitter();
  client = new Client([SLUICE, 'lsp']);
  client.answers.set('window/showMessageRequest', ({ message, actions }: Any) => {
    asked.push(message);
    questions.emit('asked');
    return asked.length === 1 ? actions[0] : actions[1];
  });
  const { dir, uri } = folderWith(FILES);
  await client.start(dir, {}, { remoteColumns: 'ask' });
  const at = uri('jobs/p.yaml');
  // Half of an address, and one whose source has a fault, are typed over before they are asked about.
  client.open(at, job('/'));
  client.change(at, 2, [{ text: job('/a').replace('base_url', 'base_ur') }]);
  client.change(at, 3, [{ text: job('/a') }]);
  await once(questions, 'asked');
  const { params } = await client.next(
    ({ method, params }) => method === 'textDocument/publishDiagnostics' && params.diagnostics.length > 0,
  );
  expect(params.diagnostics[0].code).toBe('observed/unknown-column');
  client.change(at, 4, [{ text: job('/b') }]);
  await once(questions, 'asked');
  expect(asked).toHaveLength(2);
  expect(asked[0]).toMatch(/people.*http/);
  web.close();
});

it('a source with a fault is not asked about until it is mended', async () => {
  const job = (method: string) =>
    `name: people\nsource:\n  type: http\n  base_url: http://127.0.0.1:9\n  path: /a\n  method: ${method}\n`;
  const asked: string[] = [];
  const questions = new EventEmitter();
  client = new Client([SLUICE, 'lsp']);
  client.answers.set('window/showMessageRequest', ({ message, actions }: Any) => {
    asked.push(message);
    questions.emit('asked');
    return actions[1];
  });
  const { dir, uri } = folderWith({ ...FILES, 'jobs/a.yaml': JOB });
  await client.start(dir, {}, { remoteColumns: 'ask' });
  const at = uri('jobs/p.yaml');
  client.open(at, job('GTE'));
  // The columns of a file beside it come about when the question would.
  client.open(uri('jobs/a.yaml'), JOB);
  await client.next(
    ({ method, params }) =>
      method === 'textDocument/publishDiagnostics' &&
      params.diagnostics.some((d: Any) => d.code.startsWith('observed/')),
  );
  expect(asked).toEqual([]);
  client.change(at, 2, [{ text: job('GET') }]);
  await once(questions, 'asked');
  expect(asked).toHaveLength(1);
});

it('each project has the worker that the client names for it', async () => {
  const dirs: string[] = [];
  client = new Client([SLUICE, 'lsp']);
  client.answers.set('sluice/columnsWorker', ({ dir }: Any) => {
    dirs.push(dir);
    return dir.endsWith('none') ? null : [process.execPath, SLUICE, 'columns-worker'];
  });
  const { dir, uri } = folderWith({
    'one/sluice.yaml': FILES['sluice.yaml'],
    'one/in/orders.csv': FILES['in/orders.csv'],
    'one/jobs/a.yaml': JOB,
    'none/sluice.yaml': FILES['sluice.yaml'],
    'none/in/orders.csv': FILES['in/orders.csv'],
    'none/jobs/a.yaml': JOB,
  });
  await client.start(dir, {}, { columnsWorker: 'client' });
  const read = async (file: string) => {
    client.open(uri(file), JOB);
    return await client.request('workspace/executeCommand', { command: 'sluice.readColumns', arguments: [uri(file)] });
  };
  expect(await read('one/jobs/a.yaml')).toEqual([{ columns: 3, error: null }]);
  expect(await read('none/jobs/a.yaml')).toBeNull();
  expect(new Set(dirs)).toEqual(new Set([`${dir}/one`, `${dir}/none`]));
});

it('a run leaves what it read where editors look', () => {
  const { dir } = folderWith({ ...FILES, 'jobs/a.yaml': JOB.replace(/transform:[\s\S]*/, '') });
  execFileSync(process.execPath, [SLUICE, 'run', 'orders'], { cwd: dir, stdio: 'pipe' });
  const [name = ''] = readdirSync(join(dir, '.sluice/columns'));
  const record = JSON.parse(readFileSync(join(dir, '.sluice/columns', name), 'utf8'));
  expect(record).toMatchObject({ job: 'orders', stream: 'orders', rows: 3 });
  expect(record.columns.map((column: Any) => [column.name, column.type])).toEqual([
    ['order_id', 'bigint'],
    ['Kunden-Nr.', 'text'],
    ['amount', 'text'],
  ]);
});

it('infer leaves what it found where editors look', async () => {
  const { dir, uri } = folderWith({ ...FILES, 'jobs/a.yaml': JOB.replace(/transform:[\s\S]*/, '') });
  execFileSync(process.execPath, [SLUICE, 'infer', 'orders'], { cwd: dir, stdio: 'pipe' });
  client = new Client();
  await client.start(dir);
  const at = uri('jobs/a.yaml');
  client.open(at, `${JOB.replace(/transform:[\s\S]*/, '')}incremental:\n  type: cursor\n  column: \n`);
  const names = await client.request('textDocument/completion', client.at(at, 6, 10));
  expect(names.items.map(({ label }: Any) => label)).toEqual(['order_id', 'Kunden-Nr.', 'amount']);
});

it('a worker ends by itself when nothing is asked', async () => {
  const { dir } = folderWith(FILES);
  const worker = spawn(process.execPath, [SLUICE, 'columns-worker', '--project', dir, '--idle', '0.1'], {
    stdio: 'pipe',
  });
  expect(await new Promise((done) => worker.once('exit', done))).toBe(0);
});

it('lays a file out', async () => {
  client = new Client();
  const { dir, uri } = folderWith(FILES);
  await client.start(dir);
  const at = uri('jobs/a.yaml');
  client.open(at, 'name:   orders # kept\r\nsource:\r\n    type: local\r\n    path: a.csv\r\n');
  const [edit] = await client.request('textDocument/formatting', {
    textDocument: { uri: at },
    options: { tabSize: 2, insertSpaces: true },
  });
  expect(edit.newText.replaceAll('\r\n', '\n')).toBe('name: orders # kept\nsource:\n  type: local\n  path: a.csv\n');
});
