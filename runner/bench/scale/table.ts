import { median } from '../measure.ts';

/** One line of the table: what was measured, the figure, and the goal where there is one. */
export interface Figure {
  name: string;
  value: string;
  goal?: string;
  met?: boolean;
}

/** Takes a figure as soon as it is measured. */
export type Tell = (figure: Figure) => void;

/** A figure in milliseconds that should stay below a goal. */
export function below(name: string, ms: number, goal: number): Figure {
  const unit = (value: number) =>
    value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  return { name, value: unit(ms), goal: `< ${unit(goal)}`, met: ms < goal };
}

/** Time of some work, milliseconds, and what it gave. */
export async function timed<T>(work: () => Promise<T> | T): Promise<[ms: number, result: T]> {
  const from = performance.now();
  const result = await work();
  return [performance.now() - from, result];
}

/** Median time of some work, milliseconds. */
export async function medianOf(times: number, work: (i: number) => Promise<unknown> | unknown): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < times; i++) samples.push((await timed(() => work(i)))[0]);
  return median(samples);
}

export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export const TABLE_HEAD = '| what | measured | goal | met |\n|---|---:|---:|---|';

/** A figure as a row of the table. */
export function figureRow({ name, value, goal, met }: Figure): string {
  return `| ${name} | ${value} | ${goal ?? ''} | ${met === undefined ? '' : met ? 'yes' : 'no'} |`;
}
