import {
  type Checkpoint,
  dueWindows,
  finishedWindows,
  firstWindow,
  instantText,
  type Job,
  localInstant,
  type RunWindow,
  type TimeWindow,
} from '@sluice/core';
import type { windowedStreams } from '../executor/windowed.ts';

export interface WindowState {
  incremental: ReturnType<typeof windowedStreams>[number]['incremental'];
  checkpoint: Checkpoint | null;
}

export interface DueMoment {
  /** Milliseconds, as everywhere here. */
  dueAt: number;
  previousDueAt: number | null;
  firstApplied: number;
  /** Windows that other runs are about: not to be run beside them. */
  taken?: readonly TimeWindow[];
}

/**
 * The windows that a due time of a job runs, oldest first: those of `dueWindows` for each windowed stream. The first one ever is the one
 * that holds `schedule.start`, else the one that was the first before, else the last complete one when the job was first applied.
 */
export function windowsDue(job: Job, states: readonly WindowState[], moment: DueMoment): RunWindow[] {
  const { catchup, start } = job.schedule ?? { catchup: 'latest', start: null };
  const taken = moment.taken ?? [];
  const found = new Map<number, TimeWindow & { again: boolean }>();
  for (const { incremental, checkpoint } of states) {
    const first = start === null ? firstWindow(checkpoint) : localInstant(start, incremental.timezone);
    const due = dueWindows({
      every: incremental.every,
      zone: incremental.timezone,
      dueAt: moment.dueAt,
      previousDueAt: moment.previousDueAt,
      finished: [...finishedWindows(checkpoint), ...taken],
      catchup,
      lookback: incremental.lookback,
      start: first,
      firstApplied: moment.firstApplied,
    });
    for (const window of due) {
      if (taken.some((one) => one.start === window.start)) continue;
      const known = found.get(window.start);
      found.set(window.start, { ...window, again: window.again || known?.again === true });
    }
  }
  return [...found.values()].sort((a, b) => a.start - b.start).map(asRunWindow);
}

export function asRunWindow({ start, end, again }: TimeWindow & { again: boolean }): RunWindow {
  return { from: instantText(start), to: instantText(end), again };
}
