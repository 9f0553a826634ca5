import { SluiceError } from '../model/error.ts';
import type { Checkpoint } from '../model/run.ts';
import { mergeWindows, type TimeWindow } from './windows.ts';

/** A checkpoint may have 64 KB; other things stand in it too. */
const MAX_BYTES = 60_000;

/** An instant as checkpoints and references write it: ISO 8601 in UTC, without a fraction that is zero. */
export function instantText(instant: number): string {
  return new Date(instant).toISOString().replace('.000Z', 'Z');
}

/** The finished windows of a stream's checkpoint, neighbours merged, ascending; none where it has none. */
export function finishedWindows(checkpoint: Checkpoint | null): TimeWindow[] {
  const list = Array.isArray(checkpoint?.windows) ? checkpoint.windows : [];
  return mergeWindows(
    list.flatMap((text) => {
      const [start, end] = String(text).split('/').map(Date.parse);
      return start !== undefined && end !== undefined && start < end ? [{ start, end }] : [];
    }),
  );
}

/** Whether finished windows cover one whole. */
export function isFinished(checkpoint: Checkpoint | null, window: TimeWindow): boolean {
  return finishedWindows(checkpoint).some(({ start, end }) => start <= window.start && end >= window.end);
}

/** Where a stream's windows begin by its checkpoint: the first that was due; null where none was yet. */
export function firstWindow(checkpoint: Checkpoint | null): number | null {
  const first = typeof checkpoint?.first === 'string' ? Date.parse(checkpoint.first) : Number.NaN;
  return Number.isNaN(first) ? null : first;
}

/**
 * The checkpoint with one window more: `windows`, the finished stretches as `start/end`. `due`: the window came by its schedule,
 * so that the first such one is kept as `first`. Throws `window/too-many-gaps` where the stretches no longer fit.
 */
export function withFinished(checkpoint: Checkpoint | null, window: TimeWindow, due: boolean): Checkpoint {
  const windows = mergeWindows([...finishedWindows(checkpoint), window]).map(
    ({ start, end }) => `${instantText(start)}/${instantText(end)}`,
  );
  const first = firstWindow(checkpoint) ?? (due ? window.start : null);
  const next: Checkpoint = { windows, ...(first === null ? {} : { first: instantText(first) }) };
  if (JSON.stringify(next).length <= MAX_BYTES) return next;
  throw new SluiceError(
    'window/too-many-gaps',
    'config',
    `The finished windows lie in ${windows.length} stretches, too many for a checkpoint`,
    { hint: 'Load the gaps between them: `sluice backfill JOB --from A --to B`.' },
  );
}
