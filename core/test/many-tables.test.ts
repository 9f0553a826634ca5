import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expandStreams } from '../src/engine/expand.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

let db: TestDatabase;
let project: EngineProject;

beforeAll(async () => {
  db = await testDatabase();
  project = await engineProject({});
  await db.query(`CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE "Order/Lines" (id int); CREATE TABLE audit_1 (id int);
    CREATE VIEW seen AS SELECT 1 AS one; CREATE TABLE invoices (id int); CREATE TABLE off (id int);
    CREATE SCHEMA crm; CREATE TABLE crm.orders (id int); CREATE TABLE crm.audit_1 (id int); CREATE TABLE crm."x.y" (id int);
    CREATE TABLE parted (id int) PARTITION BY RANGE (id); CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)`);
});
afterAll(async () => {
  await project?.close();
  await db?.drop();
});

async function expand(streams: string) {
  const job = project.compile(
    `name: many\nsource: {type: postgres, url: "\${env:DB}"}\nstreams:\n${streams
      .trim()
      .split('\n')
      .map((line) => `  ${line}`)
      .join('\n')}\n`,
  );
  const context = { projectDir: project.dir, signal: new AbortController().signal, log: () => {} };
  const filled = job.streams.map((stream) => {
    const settings = { ...stream.source.settings, url: db.url };
    return { ...stream, source: { ...stream.source, settings } };
  });
  const entries = await expandStreams(filled, context);
  return entries.map((entry) =>
    'error' in entry
      ? entry.error.code
      : `${entry.stream.name}: ${entry.stream.source.settings.table} > ${entry.stream.destination.table}`,
  );
}

describe('patterns of tables', () => {
  it('stand for tables, without those that are left out or named exactly', async () => {
    const found = await expand(`
- source: {table: "public.*"}
  exclude: ["audit_?"]
- name: bills
  source: {table: invoices}
- name: off
  enabled: false
  source: {table: public.off}`);
    expect(found).toEqual([
      'Order_Lines: public."Order/Lines" > Order/Lines',
      'orders: public.orders > orders',
      'parted: public.parted > parted',
      'bills: invoices > bills',
      'off: public.off > off',
    ]);
  });

  it('name streams after schema and table where they go over schemas', async () => {
    expect(await expand('- source: {table: "*.orders"}')).toEqual([
      'crm_orders: crm.orders > crm_orders',
      'public_orders: public.orders > public_orders',
    ]);
  });

  it('leave out by name what is in the schema that the pattern names', async () => {
    expect(await expand(`- source: {table: "crm.*"}\n  exclude: [audit_1, '"x.y"']`)).toEqual([
      'orders: crm.orders > orders',
    ]);
  });

  it('that match nothing, or give a name twice, hold up nobody else', async () => {
    const found = await expand(`
- source: {table: "none.*"}
- name: orders
  source: {table: crm.orders}
- source: {table: "public.o*"}
- source: {table: "public.i*"}`);
    expect(found).toEqual([
      'source/no-table',
      'orders: crm.orders > orders',
      'off: public.off > off',
      'stream/duplicate-name',
      'invoices: public.invoices > invoices',
    ]);
  });
});
