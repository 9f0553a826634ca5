import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Arrivals, GROUP } from '../src/engine/arrivals.ts';
import type { Fetching } from '../src/engine/spool.ts';
import type { LocalFile, Split } from '../src/model/component.ts';
import { type EngineProject, engineProject } from './engine.ts';
import { FakeS3, refuse } from './fake-s3.ts';

const bytes = GROUP.bytes;
beforeAll(() => {
  // Each file is a group of its own, unless it came while the one before it was read.
  GROUP.bytes = 1;
});
afterAll(() => {
  GROUP.bytes = bytes;
});

const FILES = 12;
const key = (i: number) => `in/${String(i).padStart(2, '0')}.csv`;
/** A promise that a test settles. */
function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}

/** A file that no sample of twelve holds. */
const LATE = 10;
const ROWS = 40;

describe('files that are loaded while others come in', () => {
  let store: FakeS3;
  let project: EngineProject;
  let jobs = 0;
  let name = '';

  beforeAll(async () => {
    process.env.SLUICE_RETRY_MS = '20';
    store = await FakeS3.start();
    project = await engineProject({ KEY: 'key', SECRET: 'secret' });
  });
  beforeEach(() => {
    store.objects.clear();
    store.requests.length = 0;
    store.fault = () => false;
    name = `job_${++jobs}`;
    for (let i = 0; i < FILES; i++) store.put(key(i), body(i));
  });
  afterAll(async () => {
    await store.stop();
    await project.close();
  });

  const body = (file: number, more = '') =>
    `id,text\n${Array.from({ length: ROWS }, (_, i) => `${file * ROWS + i},t${i}`).join('\n')}\n${more}`;
  const job = (more = '') => `
name: ${name}
source:
  type: s3
  endpoint: ${store.url}
  bucket: lake
  access_key_id: \${env:KEY}
  secret_access_key: \${env:SECRET}
  path: "in/*.csv"
incremental:
  type: none
destination:
  type: duckdb
  path: out.duckdb
  table: ${name}
  write_disposition: replace
${more}`;
  const sums = (yaml: string) =>
    project.rows(yaml, `SELECT count(*), count(DISTINCT id), sum(id::BIGINT)::VARCHAR FROM ${name}`);
  const all = FILES * ROWS;
  const right = [[String(all), String(all), String((all * (all - 1)) / 2)]];

  it('every row is there once, the sample first, and knows its file', async () => {
    const yaml = job('columns:\n  - name: from_file\n    metadata: path\n');
    const { counts } = await project.ok(yaml);
    const size = [...store.objects.values()].reduce((sum, object) => sum + object.body.length, 0);
    expect(counts).toMatchObject({ rows_read: all, rows_written: all, bytes_read: size });
    expect(await sums(yaml)).toEqual(right);
    const placed = `SELECT count(*) FROM ${name} WHERE from_file <> 'in/' || lpad((id // ${ROWS})::VARCHAR, 2, '0') || '.csv'`;
    expect(await project.rows(yaml, placed)).toEqual([['0']]);
    const order = `SELECT string_agg(file, ' ' ORDER BY place) FROM (SELECT id // ${ROWS} AS file, min(rowid) AS place FROM ${name} GROUP BY ALL)`;
    expect(await project.rows(yaml, order)).toEqual([['0 2 3 5 6 8 9 11 1 4 7 10']]);
  });

  it('a value that breaks an inferred type in a late file widens the column for all of them', async () => {
    store.put(key(LATE), body(LATE, 'A17,late\n'));
    const yaml = job();
    expect((await project.ok(yaml)).counts.rows_written).toBe(all + 1);
    const found = `SELECT count(*), count(*) FILTER (WHERE id = 'A17'), min(typeof(id)) FROM ${name}`;
    expect(await project.rows(yaml, found)).toEqual([[String(all + 1), '1', 'VARCHAR']]);
  });

  it('a value that breaks a declared type in a late file is named by its place, and the table stays as it was', async () => {
    const yaml = job('columns:\n  - name: id\n    type: bigint\n');
    await project.ok(yaml);
    store.put(key(LATE), body(LATE, 'A17,late\n'));
    const { error } = await project.run(yaml);
    expect(error).toMatchObject({ code: 'type/value', where: { path: key(LATE), row: ROWS + 1, column: 'id' } });
    expect(await sums(yaml)).toEqual(right);
  });

  it('a late file that the engine splits in another way is read once more, with all the others', async () => {
    store.put(key(LATE), body(LATE, `${all} ,"a\nb"\n"${all + 1}" ,c\n`));
    const yaml = job('columns:\n  - name: id\n    type: text\n');
    const { error } = await project.run(yaml);
    expect(error).toMatchObject({ code: 'format/quote', where: { path: key(LATE) } });
    store.put(key(LATE), body(LATE, `${all},"a\nb"\n`));
    expect((await project.ok(yaml)).counts.rows_written).toBe(all + 1);
    expect(await project.rows(yaml, `SELECT text FROM ${name} WHERE id = '${all}'`)).toEqual([['a\nb']]);
  });

  it('a late file that is refused ends the run with that, and nothing of the others is seen', async () => {
    const yaml = job();
    await project.ok(yaml);
    store.put(key(0), body(100));
    let asked = 0;
    store.fault = (request, response) => {
      if (request.method !== 'GET' || !request.url?.includes(key(LATE))) return false;
      asked++;
      refuse(response, 403, 'AccessDenied');
      return true;
    };
    expect((await project.run(yaml)).error).toMatchObject({ code: 'source/permission', where: { path: key(LATE) } });
    expect(asked).toBe(1);
    expect(await sums(yaml)).toEqual(right);
  });
});

describe('files on their way', () => {
  const split = (ordinal: number): Split => ({ ordinal, bytes: 10, file: null, detail: {} }) as unknown as Split;
  const file = (ordinal: number): LocalFile => ({
    ordinal,
    path: `/f/${ordinal}`,
    name: '',
    size: 10,
    modified_at: null,
  });

  /** Transfers that end when a test says so. */
  function transfers(count: number) {
    const open = Array.from({ length: count }, () => deferred<LocalFile>());
    const session = { transfers: count, describe: true, fetch: ({ ordinal }: Split) => open[ordinal]?.promise };
    const work = { session, folder: '/f', settings: {}, signal: new AbortController().signal } as unknown as Fetching;
    return {
      open,
      arrivals: new Arrivals(
        work,
        Array.from({ length: count }, (_, i) => split(i)),
      ),
    };
  }

  it('begin with the first one, wait for the one that is next, and take those that came meanwhile together', async () => {
    const { open, arrivals } = transfers(4);
    const groups = arrivals.groups();
    open[0]?.resolve(file(0));
    expect((await groups.next()).value?.map((f: LocalFile) => f.ordinal)).toEqual([0]);
    const next = groups.next();
    open[3]?.resolve(file(3));
    open[2]?.resolve(file(2));
    await Promise.resolve();
    open[1]?.resolve(file(1));
    const second = (await next).value?.map((f: LocalFile) => f.ordinal) ?? [];
    const rest = [];
    for await (const group of groups) rest.push(...group.map((f) => f.ordinal));
    expect([...second, ...rest]).toEqual([1, 2, 3]);
    expect((await arrivals.all()).map((f) => f.ordinal)).toEqual([0, 1, 2, 3]);
  });

  it('give what came before a failure, then the failure', async () => {
    const { open, arrivals } = transfers(2);
    const groups = arrivals.groups();
    open[0]?.resolve(file(0));
    expect((await groups.next()).value).toHaveLength(1);
    open[1]?.reject(new Error('gone'));
    await expect(groups.next()).rejects.toThrow('gone');
    await expect(arrivals.all()).rejects.toThrow('gone');
  });
});
