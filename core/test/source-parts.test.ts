import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SourceContext, Split } from '../src/model/component.ts';
import type { Incremental } from '../src/model/job.ts';
import type { JsonObject } from '../src/model/json.ts';
import { registry } from '../src/runtime.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { noMariaDb, type TestMariaDb, testMariaDb } from './mariadb.ts';
import { sqliteFile } from './sqlite-file.ts';

/** `partition_on`: rows read in parts, side by side, are the rows that one statement reads. */

const N = 16_000;
const WORKERS = (n: number) => `compute: {workers: {min: ${n}, max: ${n}}, memory: 1GB}\n`;
/** What a load is compared by: how many rows, and a sum that any lost, doubled or changed row moves. */
const SUMS = 'SELECT count(*), count(DISTINCT id), sum(hash(id, k, day, pad) % 1000003)::VARCHAR, count(k), count(day)';

let project: EngineProject;
let db: TestMariaDb | null = null;

beforeAll(async () => {
  db = noMariaDb === null ? await testMariaDb() : null;
  project = await engineProject({ DB: db?.url ?? '' });
});
afterAll(async () => {
  await project?.close();
  await db?.drop();
});

async function splits(
  type: string,
  settings: JsonObject,
  incremental: Incremental = { type: 'none' },
  log: SourceContext['log'] = () => undefined,
): Promise<Split[]> {
  const source = await registry.sources[type]?.load();
  const session = await source!.connect({
    projectDir: project.dir,
    settings,
    signal: new AbortController().signal,
    log,
  });
  try {
    const found: Split[] = [];
    const request = { checkpoint: null, known: new Map(), incremental, spool: project.dir, parts: 4 };
    for await (const split of session.splits(request)) found.push(split);
    return found;
  } finally {
    await session.close();
  }
}

const job = (name: string, source: string, workers: number) =>
  `name: ${name}\nsource: {${source}}\ndestination: {type: duckdb, path: ${name}.duckdb, write_disposition: replace}\n${WORKERS(workers)}`;

async function loads(name: string, source: string): Promise<(string | null)[][][]> {
  const found: (string | null)[][][] = [];
  for (const workers of [1, 4]) {
    const yaml = job(`${name}_${workers}`, source, workers);
    expect((await project.ok(yaml)).counts.rows_read).toBe(N);
    found.push(await project.rows(yaml, `${SUMS} FROM ${name}_${workers}`));
  }
  return found;
}

describe('sqlite', () => {
  const settings = { path: 'app.sqlite', table: 'big', partition_on: 'k' };

  beforeAll(() => {
    sqliteFile(
      join(project.dir, 'app.sqlite'),
      `CREATE TABLE big (id INTEGER PRIMARY KEY, k INTEGER, day TEXT, pad TEXT);
       WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${N - 1})
       INSERT INTO big SELECT i, CASE WHEN i % 1000 = 0 THEN NULL ELSE (i * 7919) % 50021 - 25000 END,
         date('2020-01-01', (i % 900) || ' days'), hex(randomblob(350)) FROM n;
       UPDATE big SET k = 'a text' WHERE id % 500 = 1`,
    );
  });

  it('rows of one and of four tasks are the same, whatever the column holds', async () => {
    expect(await splits('sqlite', settings)).toHaveLength(4);
    const [one, four] = await loads('lite', 'type: sqlite, path: app.sqlite, table: big, partition_on: k');
    expect(four).toEqual(one);
    expect(one?.[0]?.slice(0, 2)).toEqual([String(N), String(N)]);
    const query = await loads(
      'lite_query',
      'type: sqlite, path: app.sqlite, query: SELECT * FROM big, partition_on: id',
    );
    expect(query[1]).toEqual(query[0]);
  });

  it.each(['delete', 'wal'])('a file that is written to meanwhile is no snapshot (journal: %s)', async (mode) => {
    const source = await registry.sources.sqlite?.load();
    const context = { projectDir: project.dir, settings, signal: new AbortController().signal, log: () => undefined };
    sqliteFile(join(project.dir, 'app.sqlite'), `PRAGMA journal_mode = ${mode}`);
    // Somebody else has the file open all the time.
    const other = new Sqlite(join(project.dir, 'app.sqlite'));
    other.prepare('SELECT count(*) FROM big').get();
    const [split] = await splits('sqlite', settings);
    expect((await splits('sqlite', settings))[0]?.detail.version).toBe(split?.detail.version);
    other.exec(`UPDATE big SET pad = '${mode}' WHERE id = 1`);
    const session = await source!.connect(context);
    const late = session.fetch(split!, join(project.dir, 'spool'), {} as never);
    await expect(late).rejects.toMatchObject({ code: 'source/changed', kind: 'transient' });
    other.close();
  });

  it('a column that is not there is refused', async () => {
    const { error } = await project.run(
      job('none', 'type: sqlite, path: app.sqlite, table: big, partition_on: nope', 2),
    );
    expect(error).toMatchObject({ code: 'source/partition', kind: 'config', where: { column: 'nope' } });
  });
});

describe.skipIf(noMariaDb)(noMariaDb ?? 'mysql', () => {
  const settings = () => ({ url: db?.url ?? '', table: 'big', partition_on: 'k' });

  beforeAll(async () => {
    await db?.query(
      `CREATE TABLE big (id int PRIMARY KEY, k bigint unsigned, day date, pad varchar(1000));
       INSERT INTO big SELECT seq, CASE WHEN seq % 1000 = 0 THEN NULL ELSE 18446744073709551615 - (seq * 7919) % 50021 END,
         CASE WHEN seq % 700 = 3 THEN NULL ELSE DATE '2020-01-01' + INTERVAL (seq % 900) DAY END, repeat(sha2(seq, 384), 8) FROM seq_0_to_${N - 1};
       ANALYZE TABLE big`,
    );
  });

  it.each([
    ['numbers', 'table: big, partition_on: k'],
    ['dates', 'table: big, partition_on: day'],
    ['query', 'query: SELECT * FROM big, partition_on: id'],
  ])('%s: rows of one and of four tasks are the same', async (name, what) => {
    const [one, four] = await loads(`my_${name}`, `type: mysql, url: "\${env:DB}", ${what}`);
    expect(four).toEqual(one);
    expect(one?.[0]?.slice(0, 2)).toEqual([String(N), String(N)]);
  });

  it('parts are of one moment, whatever is written meanwhile', async () => {
    const made = `CREATE TABLE acc AS SELECT id, k, 100 AS amount, pad FROM big; ALTER TABLE acc ADD PRIMARY KEY (id); ANALYZE TABLE acc`;
    await db?.query(made);
    const move = `START TRANSACTION; UPDATE acc SET amount = amount - 1 WHERE id % 1000 = 1;
      UPDATE acc SET amount = amount + 1 WHERE id % 1000 = 999; COMMIT;`;
    const yaml = job('acc', 'type: mysql, url: "${env:DB}", table: acc, partition_on: id', 4);
    let ended = false;
    const run = project.ok(yaml).finally(() => {
      ended = true;
    });
    while (!ended) await db?.query(move.repeat(5));
    const { logs } = await run;
    expect(logs.filter(({ level }) => level === 'warn')).toEqual([]);
    const [moved] = (await db?.query('SELECT count(*) AS n FROM acc WHERE amount <> 100')) ?? [];
    expect(Number(moved?.n)).toBeGreaterThan(0);
    expect(await project.rows(yaml, 'SELECT count(*), sum(amount) FROM acc')).toEqual([[String(N), String(N * 100)]]);
  });

  it('without a moment for all parts there is one part, and the reason is told', async () => {
    const database = new URL(db?.url ?? '').pathname.slice(1);
    const reader = `reader_${database.slice(-8)}`;
    await db?.query(`CREATE USER ${reader}@'%' IDENTIFIED BY 'pw'; GRANT SELECT ON ${database}.* TO ${reader}@'%';
      CREATE TABLE plain ENGINE=MyISAM AS SELECT * FROM big; ANALYZE TABLE plain`);
    const url = new URL(db?.url ?? '');
    [url.username, url.password] = [reader, 'pw'];
    const said: string[] = [];
    const log: SourceContext['log'] = (_level, message) => void said.push(message);
    for (const other of [{ url: url.href }, { table: 'plain' }, { table: undefined, query: 'SELECT * FROM big' }]) {
      const given = JSON.parse(JSON.stringify({ ...settings(), ...other })) as JsonObject;
      expect(await splits('mysql', given, { type: 'none' }, log)).toHaveLength(1);
    }
    expect(said.map((message) => message.slice(message.indexOf(': ') + 2))).toEqual([
      'the user has no right to lock it (GRANT LOCK TABLES)',
      'tables of MyISAM have no snapshots',
      'a query has no one table that could be locked for a moment',
    ]);
    await db?.query(`DROP USER ${reader}@'%'`);
  });

  it('divides full loads alone, whose parts nothing is concluded from', async () => {
    expect(await splits('mysql', settings())).toHaveLength(4);
    const cursor = { type: 'cursor', column: 'id', initial_value: null, lookback_ms: 0 } as never;
    expect(await splits('mysql', settings(), cursor)).toHaveLength(1);
    expect(await splits('mysql', { ...settings(), partition_on: 'day', where: 'id < 0' })).toHaveLength(1);
    for (const partition_on of ['nope', 'pad']) {
      const refused = splits('mysql', { ...settings(), partition_on });
      await expect(refused).rejects.toMatchObject({ code: 'source/partition', kind: 'config' });
    }
  });
});
