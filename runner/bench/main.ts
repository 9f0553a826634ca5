import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '@sluice/core';
import { makeData } from './data.ts';
import { median, runOnce } from './measure.ts';
import { openBenchPostgres } from './postgres.ts';
import { type Measured, machine, markdown, type RowResult } from './report.ts';
import type { Baseline, BenchRow } from './row.ts';
import { benchRows } from './rows.ts';
import { findTools } from './tools.ts';

/**
 * `npm run bench -- [--rows N] [--runs N] [--only TEXT]`: measures ours and the baselines in turn and writes the table to
 * docs/benchmarks.md. Figures are of this machine; the ratios are what carries over.
 */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at >= 0 ? (process.argv[at + 1] ?? fallback) : fallback;
}

async function measure(row: BenchRow, runs: number): Promise<RowResult> {
  const all = [row.ours, ...row.baselines];
  const samples = new Map<Baseline, { seconds: number; peak: number }[]>(all.map((b) => [b, []]));
  const missing = new Map<Baseline, string>();
  for (let run = 0; run < runs; run++) {
    for (const tool of all) {
      if (missing.has(tool)) continue;
      await tool.reset();
      try {
        const sample = await runOnce(tool.command);
        samples.get(tool)?.push(sample);
        process.stderr.write(`${row.name} · ${tool.name}: ${sample.seconds.toFixed(2)} s\n`);
      } catch (error) {
        missing.set(tool, messageOf(error).split('\n').slice(-3).join(' ').slice(0, 300));
        process.stderr.write(`${row.name} · ${tool.name}: ${missing.get(tool)}\n`);
        if (tool === row.ours) throw error;
      }
    }
  }
  const summary = (tool: Baseline): Measured => {
    const found = samples.get(tool) ?? [];
    return {
      name: tool.name,
      seconds: median(found.map((s) => s.seconds)),
      peak: Math.max(0, ...found.map((s) => s.peak)),
      runs: found.length,
    };
  };
  const measured = row.baselines.filter((b) => !missing.has(b));
  return {
    row,
    ours: summary(row.ours),
    others: measured.map(summary),
    missing: [...missing].map(([tool, why]) => ({ name: tool.name, why })),
  };
}

async function versions(): Promise<Record<string, string>> {
  const core = JSON.parse(await readFile(join(root, 'core', 'package.json'), 'utf8'));
  const psql = spawnSync('psql', ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  return {
    DuckDB: core.dependencies['@duckdb/node-api'],
    ...(psql ? { psql: psql.replace(/^psql \(PostgreSQL\) /, '') } : {}),
  };
}

async function main(): Promise<void> {
  const rows = Number(option('rows', '5000000'));
  const runs = Number(option('runs', '3'));
  const only = option('only', '');
  const folder = join(root, '.bench');
  await mkdir(folder, { recursive: true });
  const data = await makeData(folder, rows);
  const tools = await findTools(folder);
  const postgres = await openBenchPostgres();
  try {
    const list = await benchRows({ folder, postgres: postgres.url, rows, tools }, data, postgres.sql);
    const results: RowResult[] = [];
    const about = machine({ ...(await versions()), ...tools.versions, 'embedded PostgreSQL': postgres.version });
    for (const row of list.filter((r) => r.name.includes(only))) {
      const stop = await row.prepare?.();
      try {
        results.push(await measure(row, runs));
      } finally {
        await stop?.();
      }
      // After each row, so that a benchmark that is stopped leaves what it measured.
      await writeFile(join(folder, 'table.md'), markdown(results, about, runs));
    }
    process.stdout.write(markdown(results, about, runs));
  } finally {
    await postgres.close();
  }
}

await main();
