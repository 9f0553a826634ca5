import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { diff } from '@sluice/core';
import { daemonLog } from '../../src/observe/log.ts';
import { folderCheckout } from '../../src/reconcile/checkout.ts';
import { Reconciler } from '../../src/reconcile/reconcile.ts';
import { desiredOf } from '../../src/repo/desired.ts';
import { loadProject } from '../../src/repo/load.ts';
import type { Store } from '../../src/store/store.ts';
import { scaleJob } from './project.ts';
import { below, medianOf, type Tell, timed } from './table.ts';

const KEY = { project: 'scale', target: 'default' };

/** Loads and plans a project of many files, then has the daemon's reconciler apply it: all of it, nothing, and a change of one file. */
export async function planFigures(dir: string, jobs: number, store: Store, tell: Tell): Promise<void> {
  const [cold, created] = await timed(async () => {
    const loaded = await loadProject({ from: dir, dotenv: false });
    return diff(desiredOf(loaded, undefined, {}), { version: 0, jobs: [], limits: {} }, Date.now()).changes.length;
  });
  if (created !== jobs) throw new Error(`${created} of ${jobs} jobs are new`);
  tell(below(`${jobs} job files: read, check, compile and plan, cold`, cold, 10_000));
  const stop = new AbortController();
  const reconciler = new Reconciler({
    ...{
      store,
      key: KEY,
      target: null,
      vars: {},
      owner: `${hostname()}/${process.pid}`,
      host: hostname(),
      force: false,
    },
    // Whoever changes a file here says so.
    checkout: { ...folderCheckout(dir), watch: async () => {} },
    deleted: async () => {},
    clock: () => store.now(),
    log: daemonLog('silent', {}),
  });
  let running: Promise<void> = Promise.resolve();
  try {
    const [apply] = await timed(async () => {
      running = reconciler.run(stop.signal);
      for await (const { type } of store.followEvents(KEY, stop.signal)) if (type === 'plan.applied') break;
    });
    tell({ name: 'the same by the daemon, and applied, all jobs new', value: `${(apply / 1000).toFixed(1)} s` });
    await reconciler.now(stop.signal);
    await expectVersion(store, 1);
    const warm = await medianOf(3, () => reconciler.now(stop.signal));
    await expectVersion(store, 1);
    tell(below('the same, warm, every file read again', warm, 2000));
    const file = 'jobs/team_5/job_5.yaml';
    const one = await medianOf(5, async (i) => {
      await writeFile(join(dir, file), scaleJob(5, `Change ${i}`));
      await reconciler.now(stop.signal, new Set([file]));
      await expectVersion(store, i + 2);
    });
    tell(below('one file changed: reconciled and applied', one, 300));
    const resident = process.memoryUsage().rss / 1e6;
    tell({ name: 'memory of the process', value: `${resident.toFixed(0)} MB`, goal: '< 500 MB', met: resident < 500 });
  } finally {
    stop.abort();
    await running;
  }
}

async function expectVersion(store: Store, wanted: number): Promise<void> {
  const { version } = await store.actual(KEY, { version: wanted, jobs: [], limits: {} });
  if (version !== wanted) throw new Error(`version ${version} is applied where it is to be ${wanted}`);
}
