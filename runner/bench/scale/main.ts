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
import { type Figure, figureRow, TABLE_HEAD } from './table.ts';

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
const tell = (figure: Figure): void => console.log(figureRow(figure));
const withStore = async (work: (store: Store) => Promise<void>): Promise<void> => {
  const store = await openStore({ url: postgres.url });
  return await work(store).finally(() => store.close());
};
/** In this order: the API is asked for the jobs that the first part applies. */
const parts: Record<string, () => Promise<void>> = {
  plan: async () => {
    writeScaleProject(dir, JOBS);
    await withStore((store) => planFigures(dir, JOBS, store, tell));
  },
  api: () => withStore((store) => apiFigures(dir, JOBS, store, { seconds: SECONDS, tell })),
  schedule: () =>
    withStore((store) => scheduleFigures(postgres.url, store, { jobs: SCHEDULED, seconds: SECONDS, tell })),
  queue: () => queueFigures(postgres.url, { runs: RUNS, lines: LINES, tell }),
};
try {
  // Each row as it is measured: whoever stops it half-way has what was measured by then.
  console.log(`${machine({ 'embedded PostgreSQL': postgres.version })}\n\n${TABLE_HEAD}`);
  for (const [name, part] of Object.entries(parts)) if (name.includes(only)) await part();
} finally {
  await postgres.close();
  rmSync(dir, { recursive: true, force: true });
}
