import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Baseline, Bench } from './row.ts';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const sluice = join(root, 'runner', 'dist', 'sluice.js');
export const raw = join(root, 'runner', 'bench', 'raw-duckdb.mjs');
const dltScript = join(root, 'runner', 'bench', 'dlt_load.py');

export interface JobInput {
  name: string;
  /** Keys of `source`, indented by two. */
  source: string;
  /** More blocks of the job. */
  more?: string;
  destination: string;
  workers: number;
  /** Of the run; left out: 4GB. */
  memory?: string;
  /** Beside the benchmark's own; may be filled in later. */
  env?: Record<string, string>;
}

/** Writes a project with one job and gives the command that runs it. */
export async function ourJob(bench: Bench, input: JobInput, reset: () => Promise<void>): Promise<Baseline> {
  const dir = join(bench.folder, 'projects', input.name);
  await mkdir(dir, { recursive: true });
  await writeFile(
    join(dir, 'job.sluice.yaml'),
    `name: ${input.name}
source:
${input.source}
${input.more ?? ''}incremental:
  type: none
destination:
${input.destination}
compute:
  workers:
    min: ${input.workers}
    max: ${input.workers}
  memory: ${input.memory ?? '4GB'}
`,
  );
  return {
    name: 'sluice',
    reset,
    command: {
      label: `sluice ${input.name}`,
      argv: [process.execPath, sluice, 'run', 'job.sluice.yaml', '--json'],
      cwd: dir,
      env: Object.assign(input.env ?? {}, { DATABASE_URL: bench.postgres, BENCH_URL: bench.postgres }),
    },
  };
}

export function rawDuck(bench: Bench, name: string, threads: number, from: string, before = ''): Baseline {
  const file = join(bench.folder, `raw-${name}.duckdb`);
  return {
    name: 'raw DuckDB',
    reset: () => rm(file, { force: true }),
    command: {
      label: `raw ${name}`,
      argv: [process.execPath, raw, file, String(threads), `${before}CREATE TABLE big AS SELECT * FROM ${from}`],
    },
  };
}

/** `from`: a file's path, or a stream of the connection that the environment's SOURCE holds. */
export function sling(
  bench: Bench,
  from: string | { stream: string; env: Record<string, string> },
  target: { conn: string; object: string },
  mode: string,
  reset: () => Promise<void>,
): Baseline[] {
  if (bench.tools.sling === null) return [];
  const argv = [
    bench.tools.sling,
    'run',
    ...(typeof from === 'string'
      ? ['--src-stream', `file://${from}`]
      : ['--src-conn', 'SOURCE', '--src-stream', from.stream]),
    ...(target.conn === '' ? [] : ['--tgt-conn', 'BENCH']),
    '--tgt-object',
    target.object,
    '--mode',
    mode,
  ];
  const own = typeof from === 'string' ? {} : from.env;
  const env = Object.assign(own, { BENCH: target.conn, SLING_DISABLE_TELEMETRY: 'true' });
  return [{ name: 'sling', reset, command: { label: 'sling', argv, env } }];
}

export function dlt(
  bench: Bench,
  kind: string,
  from: string,
  pattern: string,
  to: [string, string],
  disposition: string,
  reset: () => Promise<void>,
): Baseline[] {
  if (bench.tools.dlt === null) return [];
  const state = join(bench.folder, 'dlt-state');
  const argv = [bench.tools.dlt, dltScript, kind, from, pattern, ...to, disposition, state];
  return [
    {
      name: 'dlt',
      reset: async () => {
        await rm(state, { recursive: true, force: true });
        await reset();
      },
      command: { label: 'dlt', argv, env: { RUNTIME__DLTHUB_TELEMETRY: 'false' } },
    },
  ];
}
