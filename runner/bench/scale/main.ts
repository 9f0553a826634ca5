import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../src/store/store.ts';
import { openBenchPostgres } from '../postgres.ts';
import { machine } from '../report.ts';
import { planFigures } from './plan.ts';
import { writeScaleProject } from './project.ts';
import { queueFigures } from './queue.ts';
import { type Figure, figureTable } from './table.ts';

/** `npm run bench:scale [-- --only TEXT]`: what many jobs and many daemons cost. SLUICE_BENCH_JOBS: how many job files, 10,000. */
const JOBS = Number(process.env.SLUICE_BENCH_JOBS ?? 10_000);
const RUNS = Number(process.env.SLUICE_BENCH_RUNS ?? 4000);
const LINES = 100_000;
const at = process.argv.indexOf('--only');
const only = at < 0 ? '' : (process.argv[at + 1] ?? '');

const postgres = await openBenchPostgres();
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-scale-')));
const parts: Record<string, () => Promise<Figure[]>> = {
  plan: async () => {
    writeScaleProject(dir, JOBS);
    const store = await openStore({ url: postgres.url });
    return await planFigures(dir, JOBS, store).finally(() => store.close());
  },
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
