import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { type ApiLab, apiLab } from './api-lab.ts';
import { sluice } from './cli.ts';

/** Plans that look at what is there: a Postgres and a DuckDB that a run has filled, through connections as they are applied. */

interface Effect {
  kind: string;
  message: string;
  destructive: boolean;
}

const CONFIG = `version: 1
name: shop
connections:
  pg: {type: postgres, url: "\${env:WAREHOUSE_URL}"}
  other: {type: postgres, host: 127.0.0.1, port: 1, database: x, user: x, password: "\${env:WAREHOUSE_URL}"}
`;
const orders = (columns: string, more = '', contract = 'evolve') => `name: orders
source: {type: local, path: data/*.csv}
columns: ${columns}
destination:
  type: duckdb
  schema_contract: {data_type: ${contract}}
${more}`;
const people = (destination: string, table = 'people') => `name: people
source: {type: postgres, connection: pg, table: src.people}
incremental: {type: none}
destination: {type: postgres, connection: pg, schema: out, table: ${table}, ${destination}}
`;
const IDS = '[{name: id, type: int}]';

let lab: ApiLab;
let warehouse: TestDatabase;
let trap: Server;
let reached = 0;

beforeAll(async () => {
  warehouse = await testDatabase();
  await warehouse.query('CREATE SCHEMA src');
  await warehouse.query('CREATE TABLE src.people (id int PRIMARY KEY, name text)');
  await warehouse.query("INSERT INTO src.people VALUES (1, 'Ann'), (2, 'Bob')");
  lab = await apiLab({
    '.env': `WAREHOUSE_URL=${warehouse.url}\n`,
    'sluice.yaml': CONFIG,
    'data/a.csv': 'id,name\n1,x\n2,y\n',
    'jobs/orders.yaml': orders(IDS),
    'jobs/people.yaml': people('write_disposition: append'),
  });
  await lab.door.reconcile('test');
  const ran = await sluice(['run', 'orders', 'people'], { cwd: lab.dir, env: { DATABASE_URL: lab.db.url } });
  expect([ran.code, ran.stderr]).toEqual([0, expect.anything()]);
  trap = createServer((socket) => {
    reached++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  trap?.close();
  await lab?.close();
  await warehouse?.drop();
});

/** The effects of each change, by address, of a candidate's files. */
async function planned(files: Record<string, string>, connect = true): Promise<Record<string, Effect[]>> {
  const all = { 'sluice.yaml': CONFIG, 'jobs/orders.yaml': orders(IDS), ...files };
  const withPeople = { 'jobs/people.yaml': people('write_disposition: append'), ...all };
  const sent = Object.entries(withPeople).map(([path, text]) => ({ path, text }));
  const { status, body } = await lab.call('POST', '/plan', { as: 'viewer', body: { files: sent, connect } });
  expect(status, JSON.stringify(body)).toBe(200);
  const changes = body.changes as { address: string; action: string; effects: Effect[] }[];
  return Object.fromEntries(changes.filter(({ action }) => action !== 'none').map((one) => [one.address, one.effects]));
}

const texts = (effects: readonly Effect[] | undefined, kind: string) =>
  (effects ?? []).filter((one) => one.kind === kind).map(({ message }) => message);

it('says which columns of a DuckDB table come and change, and which files are read', async () => {
  await lab.file('data/b.csv', 'id,name\n3,z\n');
  const columns = '[{name: id, type: text}, {name: file, metadata: path}]';
  const { orders: effects } = await planned({ 'jobs/orders.yaml': orders(columns) });
  expect(texts(effects, 'table').sort()).toEqual([
    'main.orders: adds the column file text',
    'main.orders: alters the column id from int to text',
  ]);
  expect(texts(effects, 'files').at(-1)).toMatch(/^the next run reads 1 of 2 files/);
  expect(texts(effects, 'unseen')).toEqual([]);
});

it('says what the next run would stop at', async () => {
  const { orders: effects } = await planned({ 'jobs/orders.yaml': orders('[{name: id, type: text}]', '', 'freeze') });
  expect(texts(effects, 'table').join()).toMatch(/the next run fails: .*id/);
});

it('knows a full load from one that goes on, by what the destination stored', async () => {
  const more = 'incremental: {type: files}\n';
  expect(texts((await planned({ 'jobs/orders.yaml': orders(IDS, `${more}owner: x\n`) })).orders, 'load')).toEqual([]);
  const reset = await planned({ 'jobs/orders.yaml': orders(IDS, 'incremental: {type: none}\n') });
  expect(texts(reset.orders, 'load').join()).toContain('another incremental: a full load');
  expect(texts(reset.orders, 'files').join()).toMatch(/the next run reads 2 of 2 files/);
});

it('looks at tables of Postgres: one that comes, one that stays, one that somebody else filled', async () => {
  const { people: moved } = await planned({ 'jobs/people.yaml': people('write_disposition: append', 'fresh') });
  expect(texts(moved, 'table')).toEqual(['makes out.fresh: id int, name text']);
  const { people: replaced } = await planned({ 'jobs/people.yaml': people('write_disposition: replace') });
  expect(texts(replaced, 'table')).toEqual(['out.people keeps its columns']);
  await warehouse.query('CREATE TABLE out.foreign_rows (id bigint, extra text)');
  const foreign = people('write_disposition: replace', 'foreign_rows').replace('name: people', 'name: copy');
  const { copy } = await planned({ 'jobs/copy.yaml': foreign });
  expect(copy?.filter(({ destructive }) => destructive)).toMatchObject([{ kind: 'rows' }]);
  expect(texts(copy, 'table').sort()).toEqual([
    'out.foreign_rows: comes anew with the column name text',
    'out.foreign_rows: comes anew without the column extra',
  ]);
});

it('connects nowhere but through what is applied, and nowhere unasked', async () => {
  const { port } = trap.address() as { port: number };
  const elsewhere = CONFIG.replace('port: 1', `port: ${port}`).replace(
    '"${env:WAREHOUSE_URL}"',
    `"postgresql://x@127.0.0.1:${port}/x"`,
  );
  const { people: led } = await planned({ 'sluice.yaml': elsewhere });
  expect(texts(led, 'unseen').join()).toContain('pg is not applied');
  const other = people('write_disposition: append')
    .replaceAll('connection: pg', 'connection: other')
    .replace('people', 'more');
  const { more } = await planned({ 'sluice.yaml': elsewhere, 'jobs/more.yaml': other });
  expect(texts(more, 'unseen').join()).toContain('other is not applied');
  expect(reached).toBe(0);
  // Files of the daemon's machine that no applied job reads.
  const files = orders(IDS).replace('data/*.csv', '.env').replace('name: orders', 'name: spy');
  const { spy } = await planned({ 'jobs/spy.yaml': files });
  expect(texts(spy, 'unseen').join()).toContain('the source was not looked at');
  expect(JSON.stringify(spy)).not.toContain('WAREHOUSE_URL');
  const quiet = await planned({ 'jobs/people.yaml': people('write_disposition: append', 'fresh') }, false);
  expect(JSON.stringify(quiet)).not.toContain('name text');
});

it('does the same for the checkout, by GET /plan and by the command', async () => {
  await lab.file('jobs/people.yaml', people('write_disposition: append', 'fresh'));
  const { body } = await lab.call('GET', '/plan?connect=true', { as: 'viewer' });
  const change = body.changes.find(({ address }: { address: string }) => address === 'people');
  expect(texts(change.effects, 'table')).toEqual(['makes out.fresh: id int, name text']);
  const env = { DATABASE_URL: lab.db.url };
  const { code, stdout } = await sluice(['plan', '--connect', '-o', 'markdown'], { cwd: lab.dir, env });
  expect([code, stdout]).toEqual([0, expect.stringContaining('makes out.fresh: id int, name text')]);
  const part = await sluice(['plan', 'people', '--connect', '--json'], { cwd: join(lab.dir, 'jobs'), env });
  expect(texts(JSON.parse(part.stdout).changes[0].effects, 'table')).toEqual(['makes out.fresh: id int, name text']);
});
