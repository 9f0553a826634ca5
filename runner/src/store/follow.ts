import type { EventRow, EventTable } from './events.ts';
import type { MetricRow, MetricTable } from './metrics.ts';
import type { LogLevel, LogRow, RunDetail, RunState, TargetKey } from './types.ts';

/** Ends what is followed: the run is over and everything that it wrote was handed out. */
export interface EndMarker {
  end: true;
  state: RunState;
}

export interface FollowMeans {
  findRun(run: string): Promise<RunDetail | null>;
  readLogs(run: string, options: { level?: LogLevel; after?: string; limit?: number }): Promise<LogRow[]>;
  metrics: MetricTable;
  events: EventTable;
}

const POLL_MS = 400;
const ENDED: ReadonlySet<RunState> = new Set(['succeeded', 'failed', 'cancelled', 'skipped']);

/** The lines of a run's log as they come, after the line `after`; ends with a marker, or without one where the signal says so. */
export function followLogs(
  means: FollowMeans,
  run: string,
  options: { level?: LogLevel; after?: string },
  signal: AbortSignal,
): AsyncGenerator<LogRow | EndMarker> {
  return followRun(means, run, options.after, signal, (after) => {
    return means.readLogs(run, { ...options, ...(after === undefined ? {} : { after }) });
  });
}

/** The same of what a run measures. */
export function followMetrics(
  means: FollowMeans,
  run: string,
  options: { after?: string },
  signal: AbortSignal,
): AsyncGenerator<MetricRow | EndMarker> {
  return followRun(means, run, options.after, signal, (after) =>
    means.metrics.read(run, after === undefined ? {} : { after }),
  );
}

/** What happens in a target, or to one job or run of it, from `after` on (left out: from now on), until the signal ends it. */
export async function* followEvents(
  { events }: FollowMeans,
  filter: TargetKey & { job?: string; run?: string; after?: string },
  signal: AbortSignal,
): AsyncGenerator<EventRow> {
  let after = filter.after ?? (await events.end());
  while (!signal.aborted) {
    const rows = await events.read({ ...filter, after });
    yield* rows;
    after = rows.at(-1)?.cursor ?? after;
    if (rows.length === 0) await pause(signal);
  }
}

async function* followRun<Row extends { seq: string }>(
  means: FollowMeans,
  run: string,
  from: string | undefined,
  signal: AbortSignal,
  read: (after: string | undefined) => Promise<Row[]>,
): AsyncGenerator<Row | EndMarker> {
  let after = from;
  while (!signal.aborted) {
    // Asked before the rows: what a run wrote before it ended is then among them.
    const found = await means.findRun(run);
    for (;;) {
      const rows = await read(after);
      yield* rows;
      after = rows.at(-1)?.seq ?? after;
      if (rows.length === 0 || signal.aborted) break;
    }
    if (found === null) return;
    if (ENDED.has(found.state)) {
      yield { end: true, state: found.state };
      return;
    }
    await pause(signal);
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, POLL_MS);
    signal.addEventListener('abort', end);
  });
}
