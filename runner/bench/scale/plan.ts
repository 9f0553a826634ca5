import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ActualSet, applied, diff } from '@sluice/core';
import { desiredOf } from '../../src/repo/desired.ts';
import { type LoadedProject, loadProject } from '../../src/repo/load.ts';
import type { Store } from '../../src/store/store.ts';
import { scaleJob } from './project.ts';
import { below, type Figure, medianOf, timed } from './table.ts';

/** Loads, plans and applies a project of many files: cold, warm, and after a change of one file. */
export async function planFigures(dir: string, jobs: number, store: Store): Promise<Figure[]> {
  let loaded: LoadedProject | undefined;
  let actual: ActualSet = { version: 0, jobs: [] };
  const reconcile = async (changed?: ReadonlySet<string>): Promise<number> => {
    const known = loaded ? { previous: loaded, ...(changed ? { changed } : {}) } : {};
    loaded = await loadProject({ from: dir, dotenv: false, ...known });
    const desired = desiredOf(loaded, undefined, {});
    actual = await store.actual(desired, actual);
    const plan = diff(desired, actual, Date.now());
    const changes = plan.changes.filter(({ action }) => action !== 'none').length;
    if (changes === 0) return 0;
    const set = applied(desired, actual);
    const version = await store.applyPlan({
      ...{ plan, jobs: set, before: actual.jobs, problems: {} },
      ...{ gitRevision: null, author: null },
    });
    actual = { version, jobs: set };
    return changes;
  };
  const [cold, created] = await timed(async () => {
    loaded = await loadProject({ from: dir, dotenv: false });
    return diff(desiredOf(loaded, undefined, {}), actual, Date.now()).changes.length;
  });
  if (created !== jobs) throw new Error(`${created} of ${jobs} jobs are new`);
  const [apply] = await timed(() => reconcile());
  const warm = await medianOf(3, async () => expectChanges(await reconcile(), 0));
  const file = 'jobs/team_5/job_5.yaml';
  const one = await medianOf(5, async (i) => {
    await writeFile(join(dir, file), scaleJob(5, `Change ${i}`));
    expectChanges(await reconcile(new Set([file])), 1);
  });
  const resident = process.memoryUsage().rss / 1e6;
  return [
    below(`${jobs} job files: read, check, compile and plan, cold`, cold, 10_000),
    { name: 'the first plan applied, all jobs new', value: `${(apply / 1000).toFixed(1)} s` },
    below('the same, warm, every file read again', warm, 2000),
    below('one file changed: reconciled and applied', one, 300),
    { name: 'memory of the process', value: `${resident.toFixed(0)} MB`, goal: '< 500 MB', met: resident < 500 },
  ];
}

function expectChanges(found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`${found} changes where ${wanted} were made`);
}
