import { expect, it } from 'vitest';
import type { Metric } from '../store/metrics.ts';
import type { LogLine } from '../store/types.ts';
import { RunRecorder } from './recorder.ts';

/** A store that keeps what it is told, and cannot be reached while `away`. */
class Kept {
  lines: LogLine[] = [];
  dropped = 0;
  figures: Metric[] = [];
  away = false;
  metrics = {
    append: async (_run: string, metrics: readonly Metric[]) => {
      this.figures.push(...metrics);
    },
  };

  async appendLogs(_run: string, lines: readonly LogLine[]): Promise<void> {
    if (this.away) throw new Error('away');
    this.lines.push(...lines);
  }

  async addDroppedLogs(_run: string, lines: number): Promise<void> {
    this.dropped += lines;
  }
}

function recorder(kept: Kept): RunRecorder {
  const store = kept as unknown as ConstructorParameters<typeof RunRecorder>[0];
  return new RunRecorder(store, 'run', { workers: 2, memory: 100 }, async () => 7);
}

it('keeps a bounded number of lines a second, counts the rest, and drops no error', async () => {
  const kept = new Kept();
  const records = recorder(kept);
  const began = Math.floor(Date.now() / 1000);
  for (let i = 0; i < 4000; i++) records.log('info', `line ${i}`);
  for (let i = 0; i < 10; i++) records.log('error', `error ${i}`);
  const seconds = Math.floor(Date.now() / 1000) - began + 1;
  await records.end(null);
  const errors = kept.lines.filter(({ level }) => level === 'error');
  const others = kept.lines.length - errors.length;
  expect(errors).toHaveLength(10);
  // The loop may have met the turn of a second, on a busy machine of several.
  expect(others).toBeGreaterThanOrEqual(500);
  expect(others).toBeLessThanOrEqual(500 * seconds);
  expect(others + kept.dropped).toBe(4000);
  expect(kept.lines[0]?.message).toBe('line 0');
});

it('writes the lines in their order once a store that was away is back', async () => {
  const kept = new Kept();
  kept.away = true;
  const records = recorder(kept);
  for (let i = 0; i < 3; i++)
    records.on({ type: 'log', level: 'info', message: `m${i}`, stream: 's', fields: { n: i } });
  await new Promise((resolve) => setImmediate(resolve));
  kept.away = false;
  await records.end(null);
  expect(kept.lines.map(({ message, fields }) => [message, fields])).toEqual(
    [0, 1, 2].map((n) => [`m${n}`, { stream: 's', n }]),
  );
});

it('measures what streams say together, and ends with the counts of the run', async () => {
  const kept = new Kept();
  const records = recorder(kept);
  records.executor(process.pid);
  const progress = { type: 'progress', rows_estimated: false, total_bytes: null, tasks_done: 1, tasks: 3 } as const;
  records.on({ ...progress, stream: 'a', rows: 10, bytes: 100 });
  records.on({ ...progress, stream: 'b', rows: 5, bytes: 50 });
  await records.end({ rows_read: 16, rows_rejected: 1 });
  await records.end(null);
  expect(kept.figures).toHaveLength(1);
  expect(kept.figures[0]).toMatchObject({
    rows_read: 16,
    rows_rejected: 1,
    bytes_read: 150,
    tasks_active: 4,
    spill_bytes: 7,
  });
});
