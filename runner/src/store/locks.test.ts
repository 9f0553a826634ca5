import { spawn } from 'node:child_process';
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { openStore, type Store } from './store.ts';

let db: TestDatabase;
let a: Store;
let b: Store;

beforeAll(async () => {
  db = await testDatabase();
  [a, b] = [await openStore({ url: db.url }), await openStore({ url: db.url })];
});
afterAll(async () => {
  await a?.close();
  await b?.close();
  await db?.drop();
});

const never = new AbortController().signal;

/** Work that ends when it is told to. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe.each([
  ['two connections', () => b],
  ['one store', () => a],
])('lock between callers of %s', (_, second) => {
  it('lets one in at a time and tells the waiting who holds it', async () => {
    const work = gate();
    const inside = gate();
    const first = a.withLock('file:/x', { signal: never, holder: 'job customers', onWait: () => {} }, async () => {
      inside.open();
      await work.opened;
      return 'first';
    });
    await inside.opened;
    const waiting = gate();
    const told: string[] = [];
    let entered = false;
    const onWait = (holder: string) => {
      told.push(holder);
      waiting.open();
    };
    const next = second().withLock('file:/x', { signal: never, holder: 'job orders', onWait }, async () => {
      entered = true;
      return 'second';
    });
    await waiting.opened;
    expect(entered).toBe(false);
    expect(told).toEqual([`${hostname()}/${process.pid} job customers`]);
    work.open();
    expect(await Promise.all([first, next])).toEqual(['first', 'second']);
  });

  it('never has two inside', async () => {
    let inside = 0;
    let most = 0;
    const callers = Array.from({ length: 12 }, (_, i) =>
      (i % 2 ? a : second()).withLock('crowd', { signal: never, holder: `job ${i}`, onWait: () => {} }, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await db.query('SELECT 1');
        inside -= 1;
      }),
    );
    await Promise.all(callers);
    expect(most).toBe(1);
  });

  it('stops waiting when told to, and the next one still waits for the holder', async () => {
    const work = gate();
    const inside = gate();
    const hold = { signal: never, holder: 'job a', onWait: () => {} };
    const first = a.withLock('stop', hold, async () => {
      inside.open();
      await work.opened;
    });
    await inside.opened;
    const stop = new AbortController();
    const onWait = () => stop.abort();
    const stopped = second().withLock('stop', { signal: stop.signal, holder: 'job b', onWait }, async () => 'in');
    await expect(stopped).rejects.toMatchObject({ code: 'run/cancelled' });
    const waiting = gate();
    let entered = false;
    const third = second().withLock('stop', { ...hold, onWait: waiting.open }, async () => {
      entered = true;
    });
    await waiting.opened;
    expect(entered).toBe(false);
    work.open();
    await Promise.all([first, third]);
  });
});

it('does not hold up other names, and gives the lock back where the work throws', async () => {
  const options = { signal: never, holder: 'job a', onWait: () => {} };
  const failed = a.withLock('one', options, async () => {
    await b.withLock('two', options, async () => {});
    throw new Error('broken');
  });
  await expect(failed).rejects.toThrow('broken');
  expect(await b.withLock('one', options, async () => 'free')).toBe('free');
});

it('is free again when its holder is killed', async () => {
  const holder = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import pg from 'pg';
       const client = new pg.Client({ connectionString: process.argv[1] });
       await client.connect();
       await client.query("SELECT set_config('application_name', 'sluice far/9 job dead', false)");
       await client.query("SELECT pg_advisory_lock(735022, hashtext('killed'))");
       console.log('held');`,
      db.url,
    ],
    { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  onTestFinished(() => void holder.kill('SIGKILL'));
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  let told = '';
  const onWait = (who: string) => {
    told = who;
    holder.kill('SIGKILL');
  };
  expect(await a.withLock('killed', { signal: never, holder: 'job a', onWait }, async () => 'mine')).toBe('mine');
  expect(told).toBe('far/9 job dead');
});
