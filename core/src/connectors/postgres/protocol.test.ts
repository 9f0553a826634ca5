import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { crash } from '../../../test/crash.ts';
import { ADDRESSES, Driver } from '../../../test/destination-driver.ts';
import { LOAD, three, two } from '../../../test/destination-fixture.ts';
import type { TestDatabase } from '../../../test/postgres.ts';
import { postgresFixture } from '../../../test/postgres-destination.ts';
import type { OwnedEngine } from '../../engine/duckdb.ts';

const lab = postgresFixture();

test('tasks stage in parallel, each with its own engine', async () => {
  const staged = () => lab.db.query(`SELECT relname FROM pg_class WHERE relname LIKE '\\_sluice\\_stage%' ORDER BY 1`);
  const before = await staged();
  const session = await lab.driver.connect('par');
  const opened = await session.open(ADDRESSES, []);
  const tokens = await Promise.all(
    [0, 1, 2, 3].map(async (task) => {
      const own = await lab.ownEngine();
      const worker = await lab.driver.connect('par');
      try {
        const rows = {
          engine: own,
          columns: two,
          quarantine: null,
          sql: `SELECT range::INT AS id, 'x' AS s FROM range(${task * 5000}, ${(task + 1) * 5000})`,
        };
        return await worker.stage({ epoch: 0, task, attempt: 1, columns: two, disposition: 'append' }, rows);
      } finally {
        own.close();
      }
    }),
  );
  expect(await session.commit(lab.driver.epoch('par', opened, two), tokens)).toMatchObject({ rows_written: 20000 });
  expect(await lab.driver.select('count(DISTINCT id) AS n', '')).toEqual([{ n: '20000' }]);
  expect(await staged()).toEqual(before);
});

test('rows staged by a task whose token was lost are not committed, and a token without rows is refused', async () => {
  const session = await lab.driver.connect('lost');
  const opened = await session.open(ADDRESSES, []);
  const stage = (task: number, from: number) =>
    session.stage(
      { epoch: 0, task, attempt: 1, columns: two, disposition: 'append' },
      lab.driver.rows(three(from), two),
    );
  const first = await stage(0, 1);
  await stage(1, 100);
  const again = await stage(0, 1);
  await expect(session.commit(lab.driver.epoch('lost', opened, two), [first])).rejects.toMatchObject({
    code: 'commit/staging-lost',
    kind: 'transient',
  });
  expect(await session.commit(lab.driver.epoch('lost', opened, two), [again])).toMatchObject({ rows_written: 3 });
  expect((await lab.driver.select()).map((r) => r.id)).toEqual(['1', '2', '3']);
});

test('first opens at the same time all succeed, each with a fence of its own', async () => {
  const schema = `fresh_${lab.driver.table}`;
  lab.driver.use = { schema };
  const opened = await Promise.all(
    Array.from({ length: 6 }, async (_, i) => (await lab.driver.connect(`r${i}`)).open(ADDRESSES, [])),
  );
  expect(opened.map((o) => o.fence).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('streams that make the same table at the same time both land their rows', async () => {
  const loads = [1, 2, 3].map(async (i) => {
    const own = await lab.ownEngine();
    const one = new Driver(lab.system, own, lab.driver.table, lab.folder);
    one.job = `job${i}`;
    await one.run(LOAD, three(i * 10), two);
    own.close();
  });
  await Promise.all(loads);
  expect(await lab.driver.select()).toHaveLength(9);
});

test('open ends what an older run still holds', async () => {
  await lab.driver.run(LOAD, three(1), two);
  const old = await lab.driver.connect('old');
  const opened = await old.open(ADDRESSES, []);
  // The old run stands still in the middle of its COPY, as a stopped process would.
  const reached = gate();
  const go = gate();
  const slow = whenRun(lab.engine, async (run) => {
    reached.open();
    await go.passed;
    return run();
  });
  const load = old.load(lab.driver.epoch('old', opened, two), { ...lab.driver.rows(three(4), two), engine: slow });
  const failed = expect(load).rejects.toMatchObject({ kind: 'transient' });
  await reached.passed;
  const young = await lab.driver.connect('young');
  const next = await young.open(ADDRESSES, []);
  await young.load(lab.driver.epoch('young', next, two, { disposition: 'replace' }), lab.driver.rows(three(1), two));
  go.open();
  await failed;
  expect(await lab.driver.select()).toHaveLength(3);
});

test('a load that is stopped ends and leaves nothing', async () => {
  const stop = new AbortController();
  const session = await lab.sessionTo({ url: lab.db.url }, { signal: stop.signal });
  const opened = await session.open(ADDRESSES, []);
  const rows = lab.driver.rows(`SELECT range::INT AS id, repeat('x', 1000) AS s FROM range(1000000)`, two);
  const stopping = whenRun(lab.engine, async (run) => {
    const running = run();
    stop.abort();
    return running;
  });
  await expect(session.load(lab.driver.epoch('r', opened, two), { ...rows, engine: stopping })).rejects.toThrow();
  expect(await (await lab.sessionTo({ url: lab.db.url })).inspect()).toMatchObject({ seq: 0, table: null });
  expect(await lab.db.query(`SELECT 1 FROM pg_class WHERE relname = '${lab.driver.table}'`)).toEqual([]);
});

test.each([
  ['load', 'destination.load.inside', false],
  ['load', 'destination.load.committed', true],
  ['stage', 'destination.stage.inside', false],
  ['stage', 'destination.stage.after', false],
  ['stage', 'destination.commit.inside', false],
  ['stage', 'destination.commit.committed', true],
] as const)(
  'killed in a %s at %s: committed wholly or not at all, and the next run goes on',
  async (how, fault, committed) => {
    expect(await crash('postgres', { url: lab.db.url }, { how, table: lab.driver.table, fault: `${fault}=kill` })).toBe(
      'SIGKILL',
    );
    const session = await lab.driver.connect('run-1');
    const opened = await session.open(ADDRESSES, []);
    expect(opened.commitId).toBe(committed ? `run-1/${lab.driver.table}/0` : null);
    await session.abort('run-1');
    if (!committed) await session.load(lab.driver.epoch('run-1', opened, two), lab.driver.rows(three(0), two));
    expect((await lab.driver.select()).map((r) => r.id)).toEqual(['0', '1', '2']);
  },
);

test.each(['before', 'after'] as const)(
  'a connection lost %s COMMIT took place is an unknown outcome that open settles',
  async (when) => {
    const proxy = await cutProxy(lab.db, when);
    const one = new Driver(
      { ...lab.system, settings: { ...proxy.settings } },
      lab.engine,
      lab.driver.table,
      lab.folder,
    );
    const opened = await (await lab.driver.connect('cut')).open(ADDRESSES, []);
    const load = (await one.connect('cut')).load(lab.driver.epoch('cut', opened, two), lab.driver.rows(three(1), two));
    await expect(load).rejects.toMatchObject({ code: 'commit/unknown', kind: 'transient' });
    proxy.close();
    const settled = await (await lab.driver.connect('cut')).open(ADDRESSES, []);
    expect(settled.commitId).toBe(when === 'after' ? `cut/${lab.driver.table}/0` : null);
    expect(settled.table === null ? [] : await lab.driver.select()).toHaveLength(when === 'after' ? 3 : 0);
  },
);

/** A way to the server that is cut when COMMIT comes by: before the server has it, or after it has answered. */
async function cutProxy(to: TestDatabase, when: 'before' | 'after') {
  const server = createServer((near) => {
    const far = connect(to.port, to.host);
    let committing = false;
    const cut = () => {
      near.destroy();
      far.destroy();
    };
    near.on('data', (data) => {
      committing ||= data.includes('COMMIT\0');
      if (committing && when === 'before') cut();
      else far.write(data);
    });
    far.on('data', (data) => {
      if (committing) cut();
      else near.write(data);
    });
    for (const socket of [near, far]) socket.on('error', cut).on('close', cut);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { database, user, password } = to;
  return { settings: { host: '127.0.0.1', port, database, user, password }, close: () => server.close() };
}

function gate(): { passed: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** An engine whose statements go through `around`. */
function whenRun(engine: OwnedEngine, around: (run: () => Promise<void>) => Promise<void>): OwnedEngine {
  return Object.create(engine, { run: { value: (sql: string) => around(() => engine.run(sql)) } });
}
