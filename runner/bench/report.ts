import { cpus, totalmem } from 'node:os';
import type { BenchRow } from './row.ts';

export interface Measured {
  name: string;
  seconds: number;
  peak: number;
  runs: number;
}

export interface RowResult {
  row: BenchRow;
  ours: Measured;
  others: Measured[];
  /** Tools that could not be measured, with the reason. */
  missing: { name: string; why: string }[];
}

/** The machine, in words that let a reader judge the figures. */
export function machine(versions: Record<string, string>): string {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const list = Object.entries(versions).map(([k, v]) => `${k} ${v}`);
  return `${model}, ${cpus().length} cores, ${memory}; Node ${process.version}; ${list.join('; ')}`;
}

/** One table row for each thing measured: medians, throughput, memory, and the ratio against the goal. */
export function markdown(results: readonly RowResult[], about: string, runs: number): string {
  const lines = [
    `Medians of ${runs} runs in turn, whole process. Machine: ${about}.`,
    '',
    '| row | tool | seconds | Mrow/s | peak memory | ours is faster by | goal | met |',
    '|---|---|---:|---:|---:|---:|---:|---|',
  ];
  for (const { row, ours, others, missing } of results) {
    lines.push(`| ${row.name} | **sluice** | ${cells(ours, row.rows)} | | | |`);
    for (const other of others) {
      const ratio = other.seconds / ours.seconds;
      const goal = row.goals[other.name];
      const met = goal === undefined ? '' : ratio >= goal ? 'yes' : 'no';
      lines.push(
        `| | ${other.name} | ${cells(other, row.rows)} | ${ratio.toFixed(2)}x | ${goal === undefined ? '' : `${goal}x`} | ${met} |`,
      );
    }
    for (const { name, why } of missing) lines.push(`| | ${name} | not measured: ${why} | | | | | no |`);
  }
  return `${lines.join('\n')}\n`;
}

function cells(m: Measured, rows: number): string {
  return `${m.seconds.toFixed(2)} | ${(rows / m.seconds / 1e6).toFixed(2)} | ${Math.round(m.peak / 1e6)} MB`;
}
