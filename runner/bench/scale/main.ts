import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore, type Store } from '../../src/store/store.ts';
import { openBenchPostgres } from '../postgres.ts';
import { machine } from '../report.ts';
import { apiFigures } from './api.ts';
import { planFigures } from './plan.ts';
import { writeScaleProject } from './project.ts';
import { queueFigures } from './queue.ts';
import { scheduleFigures } from './schedule.ts';
import { type Figure, figureTable } from './table.ts';

/** `npm run bench:scale [-- --only TEXT]`: what many jobs and many daemons cost. SLUICE_BENCH_JOBS: how many job files, 10,000. */
const JOBS = Number(process.env.SLUICE_BENCH_JOBS ?? 10_000);
const RUNS = Number(process.env.SLUICE_BENCH_RUNS ?? 4000);
const SCHEDULED = Number(process.env.SLUICE_BENCH_SCHEDULED ?? 100_000);
const LINES = 100_000;
const SECONDS = 20;
const at = process.argv.indexOf('--only');
const only = at < 0 ? '' : (process.argv[at + 1] ?? '');

const postgres = await openBenchPostgres();
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-scale-')));
const withStore = async (work: (store: Store) => Promise<Figure[]>): Promise<Figure[]> => {
  const store = await openStore({ url: postgres.url });
  return await work(store).finally(() => store.close());
};
/** In this order: the API is asked for the jobs that the first part applies. */
const parts: Record<string, () => Promise<Figure[]>> = {
  plan: async () => {
    writeScaleProject(dir, JOBS);
    return await withStore((store) => planFigures(dir, JOBS, store));
  },
  api: () => withStore((store) => apiFigures(dir, JOBS, store, SECONDS)),
  schedule: () => withStore((store) => scheduleFigures(postgres.url, store, SCHEDULED, SECONDS)),
  queue: () => queueFigures(postgres.url, RUNS, LINES),
};
try {
  const figures: Figure[] = [];
  for (const [name, part] of Object.entries(parts)) if (name.includes(only)) figures.push(...(await part()));
  console.log(`${machine({ 'embedded PostgreSQL': postgres.version })}\n\n${figureTable(figures)}`);
} finally {
  await postgres.close();
  rmSync(dir, { recursive: true, force: true });
}
