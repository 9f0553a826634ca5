import type { TaskLog } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import type { Counts } from '../model/run.ts';
import * as registry from '../registry.ts';
import { pick } from './components.ts';

/** Rows that are still on their way, by what was counted so far. */
export function inFlow(counts: Counts): number {
  return counts.rows_read + counts.rows_added - counts.rows_rejected - counts.rows_filtered;
}

export function countChange(counts: Counts, before: number, after: number, earlier: number | null): void {
  if (earlier !== null && earlier !== before) countChange(counts, earlier, before, null);
  if (after >= before) counts.rows_added += after - before;
  else counts.rows_filtered += before - after;
}

/** Completes the counts by what was written: on the direct way every row read is one written. */
export function settle(counts: Counts, open: boolean, written: number): Counts {
  if (!open) return { ...counts, rows_written: written };
  if (counts.rows_read === 0) return { ...counts, rows_read: written, rows_written: written };
  return { ...counts, rows_written: written, rows_filtered: counts.rows_filtered + inFlow(counts) - written };
}

/** What the destination found beside the number of rows. */
export function destinationCounts(result: {
  rows_inserted?: number;
  rows_updated?: number;
  rows_deleted?: number;
}): Partial<Counts> {
  const counts: Partial<Counts> = {};
  for (const name of ['rows_inserted', 'rows_updated', 'rows_deleted'] as const) {
    const value = result[name];
    if (value !== undefined) counts[name] = value;
  }
  return counts;
}

/** Fails the stream where more rows were rejected than its limits allow. */
export function enforceLimits(
  counts: Counts,
  limits: { rows: number | null; ratio: number | null } | null,
  stream: Stream,
): void {
  const { rows_rejected: rejected, rows_read: read } = counts;
  if (limits === null || rejected === 0) return;
  const overRows = limits.rows !== null && rejected > limits.rows;
  const overRatio = limits.ratio !== null && read > 0 && rejected / read > limits.ratio;
  if (!overRows && !overRatio) return;
  const bound = overRows ? `${limits.rows} rows` : `a ratio of ${limits.ratio}`;
  throw new SluiceError('limits/rejected', 'data', `${rejected} of ${read} rows were rejected, more than ${bound}`, {
    where: { stream: stream.name },
    hint: 'Nothing was committed. Look at the rows with `sluice preview`, correct the data or the columns, or raise `limits.max_rejected`.',
  });
}

/** The checks that the number of rows alone decides: each warns or throws, as its on_failure says. */
export async function gateRows(stream: Stream, rows: number, log: TaskLog): Promise<void> {
  for (const step of stream.checks) {
    const check = await pick(registry.checks, 'check', step.type);
    const verdict = check.byCount?.(step, rows);
    if (verdict?.failed !== true) continue;
    const message = `${check.describe(step)}: ${verdict.detail}`;
    if (step.on_failure !== 'warn') {
      throw new SluiceError(`check/${step.type}`, 'data', message, {
        where: { stream: stream.name },
        hint: 'Nothing was committed. Correct the data, or set `on_failure: warn`.',
      });
    }
    log('warn', message, { stream: stream.name, check: step.type });
  }
}
