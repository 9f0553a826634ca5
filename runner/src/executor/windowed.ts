import { instantText, type Job, lastCompleteWindow, type RunWindow, type Stream } from '@sluice/core';

type Windowed = Stream & { incremental: Extract<Stream['incremental'], { type: 'window' }> };

/**
 * The streams of a job that load window by window; `stream`: that one alone, where it is such a one. One of a pattern of tables
 * is not known by its name yet.
 */
export function windowedStreams(job: Job, stream: string | null): Windowed[] {
  return job.streams.filter(
    (one): one is Windowed =>
      one.enabled &&
      one.incremental.type === 'window' &&
      (stream === null || stream === one.name || one.tables !== undefined),
  );
}

/** Of a windowed stream the last window that is complete; null for others. */
export function lastWindow({ incremental }: Pick<Stream, 'incremental'>): RunWindow | null {
  if (incremental.type !== 'window') return null;
  const { start, end } = lastCompleteWindow(Date.now(), incremental.every, incremental.timezone);
  return { from: instantText(start), to: instantText(end), again: true };
}
