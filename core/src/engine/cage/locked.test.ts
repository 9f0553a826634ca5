import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { literal } from '../../model/sql.ts';
import { cage, type OwnedEngine, openEngine } from '../duckdb.ts';

/** The engine's own lock, with the reading of the syntax tree left out: what holds when the first layer is wrong. */
let root: string;
let spool: string;
let outside: string;
let engine: OwnedEngine;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'sluice-locked-'));
  spool = join(root, 'spool');
  outside = join(root, 'outside');
  for (const folder of [spool, outside, `${spool}x`]) mkdirSync(folder);
  for (const folder of [spool, outside, `${spool}x`]) writeFileSync(join(folder, 'x.csv'), 'pin\n42\n');
  symlinkSync(join(outside, 'x.csv'), join(spool, 'link.csv'));
  symlinkSync(outside, join(spool, 'linked'));
  symlinkSync(spool, join(root, 'way'));
  engine = await openEngine({ spool, threads: 1, memory: 200_000_000 });
  await engine.run('CREATE TABLE "input" AS SELECT 1 AS id');
  await cage(engine, { files: [], folders: [] });
});

afterAll(() => {
  engine.close();
  rmSync(root, { recursive: true, force: true });
});

describe('the locked engine', () => {
  it('reads and writes its own folder', async () => {
    expect(await engine.rows(`SELECT * FROM read_csv(${literal(join(spool, 'x.csv'))})`)).toHaveLength(1);
    await engine.run(`COPY "input" TO ${literal(join(spool, 'out.parquet'))} (FORMAT parquet)`);
  });

  const reads: [string, () => string][] = [
    ['a file outside', () => `SELECT * FROM read_text('/etc/passwd')`],
    ['a file outside as a table', () => `SELECT * FROM '/etc/passwd'`],
    ['a CSV file outside', () => `SELECT * FROM ${literal(join(outside, 'x.csv'))}`],
    ['through ..', () => `SELECT * FROM read_csv(${literal(join(spool, '../outside/x.csv'))})`],
    ['through .. as a table', () => `SELECT * FROM ${literal(`${spool}/../outside/x.csv`)}`],
    ['a folder whose name begins like the allowed one', () => `SELECT * FROM read_csv(${literal(`${spool}x/x.csv`)})`],
    ['a link to a file outside', () => `SELECT * FROM read_csv(${literal(join(spool, 'link.csv'))})`],
    ['a link to a folder outside', () => `SELECT * FROM read_csv(${literal(join(spool, 'linked/x.csv'))})`],
    ['through a link and back', () => `SELECT * FROM read_csv(${literal(`${spool}/linked/../outside/x.csv`)})`],
    ['a glob of the root', () => `SELECT * FROM glob('/etc/*')`],
    ['a web address', () => `SELECT * FROM read_csv('https://example.com/x.csv')`],
    ['a file: address', () => `SELECT * FROM read_csv(${literal(`file:${outside}/x.csv`)})`],
    ['a file:// address', () => `SELECT * FROM read_csv(${literal(`file://${outside}/x.csv`)})`],
    ['query() of a file', () => `SELECT * FROM query('select * from read_text(''/etc/passwd'')')`],
    ['the environment', () => `SELECT getenv('HOME')`],
    ['a device', () => `SELECT * FROM read_text('/dev/stdin')`],
    ['the process', () => `SELECT * FROM read_text('/proc/self/environ')`],
  ];
  it.each(reads)('does not read %s', async (_, sql) => {
    await expect(engine.rows(sql())).rejects.toThrow();
  });

  const writes: [string, () => string][] = [
    ['COPY outside', () => `COPY "input" TO ${literal(join(outside, 'out.csv'))}`],
    ['COPY through a link', () => `COPY "input" TO ${literal(join(spool, 'linked/out.csv'))}`],
    ['COPY through ..', () => `COPY "input" TO ${literal(`${spool}/../outside/out.csv`)}`],
    ['ATTACH outside', () => `ATTACH ${literal(join(outside, 'x.db'))} AS x`],
    ['EXPORT outside', () => `EXPORT DATABASE ${literal(join(outside, 'export'))}`],
    ['INSTALL', () => 'INSTALL httpfs'],
    ['LOAD', () => `LOAD ${literal(join(outside, 'x.duckdb_extension'))}`],
    ['a wider folder', () => `SET allowed_directories = ['/']`],
    ['a wider path', () => `SET allowed_paths = ['/etc/passwd']`],
    ['external access', () => 'SET enable_external_access = true'],
    ['unlocking', () => 'SET lock_configuration = false'],
    ['more memory', () => `SET memory_limit = '100GB'`],
    ['another home', () => `SET home_directory = '/'`],
    ['another log', () => `SET log_query_path = ${literal(join(outside, 'log'))}`],
    ['a profile outside', () => `SET profiling_output = ${literal(join(outside, 'profile'))}`],
    ['RESET', () => 'RESET enable_external_access'],
    ['a secret', () => `CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')`],
  ];
  it.each(writes)('does not do %s', async (_, sql) => {
    await expect(engine.run(sql())).rejects.toThrow();
    expect(existsSync(join(outside, 'out.csv'))).toBe(false);
    expect(existsSync(join(outside, 'x.db'))).toBe(false);
    expect(existsSync(join(outside, 'export'))).toBe(false);
    expect(existsSync(join(outside, 'profile'))).toBe(false);
  });

  it('follows its folder through a link to it', async () => {
    expect(await engine.rows(`SELECT * FROM read_csv(${literal(join(root, 'way', 'x.csv'))})`)).toHaveLength(1);
  });
});
