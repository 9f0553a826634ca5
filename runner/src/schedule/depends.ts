import {
  finishedWindows,
  firstWindow,
  lastCompleteWindow,
  localInstant,
  parseCron,
  previousFire,
  scheduleBounds,
  windowsBetween,
} from '@sluice/core';
import { windowedStreams } from '../executor/windowed.ts';
import type { JobRow } from '../store/jobs.ts';
import type { WaitingRun } from '../store/queue.ts';
import type { Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';

type DependsStore = Pick<Store, 'queue' | 'jobs' | 'streamStates'>;

/** Lets the runs begin that no longer have to wait for those that they depend on, and records what the others wait for. */
export async function openGates(store: DependsStore, key: TargetKey): Promise<void> {
  const waiting = await store.queue.waiting(key);
  const jobs = new Map<string, Promise<JobRow | null>>();
  const find = (name: string) => {
    const found = jobs.get(name) ?? store.jobs.find(key, name);
    jobs.set(name, found);
    return found;
  };
  for (const run of waiting) {
    const open: string[] = [];
    for (const name of run.depends_on) {
      const upstream = await find(name);
      if (upstream && !(await isDone(store, run, upstream))) open.push(name);
    }
    const names = open.length === 0 ? null : open.join(', ');
    if (names === null || names !== run.waiting_for) await store.queue.setWaiting(run.id, names);
  }
}

/**
 * Whether a run need not wait for a job any more. Where both go window by window: every window of the other that ends by this one's end
 * is finished, or had a run that succeeded without finding anything; where the other does not make up for all missed windows, those that
 * share time with this one. Else: the other's runs for its latest due time at or before this one succeeded, or a later one did. A job
 * that is switched off, or was not due yet, is not waited for.
 */
async function isDone(store: DependsStore, run: WaitingRun, upstream: JobRow): Promise<boolean> {
  const { definition } = upstream;
  if (!definition.enabled || run.due_at === null) return true;
  if (run.window_start !== null && run.window_end !== null && windowedStreams(definition, null).length > 0) {
    return windowsDone(store, upstream, Date.parse(run.window_start), Date.parse(run.window_end));
  }
  const { schedule } = definition;
  const cron = schedule ? parseCron(schedule.cron) : null;
  if (!schedule || !cron?.ok) return true;
  const due = previousFire(cron.cron, schedule.timezone, Date.parse(run.due_at), scheduleBounds(schedule));
  if (due === null || due <= Date.parse(upstream.first_applied)) return true;
  const outcome = await store.queue.outcomeAt(upstream, run.due_at);
  if (outcome && Date.parse(outcome.due_at) >= due) return outcome.succeeded;
  const passedOver = upstream.handled_until !== null && Date.parse(upstream.handled_until) >= due;
  return passedOver && (outcome?.succeeded ?? true);
}

async function windowsDone(store: DependsStore, upstream: JobRow, start: number, end: number): Promise<boolean> {
  const { definition } = upstream;
  const states = await store.streamStates(upstream);
  for (const { name, incremental } of windowedStreams(definition, null)) {
    const { every, timezone } = incremental;
    const checkpoint = states.find(({ stream }) => stream === name)?.checkpoint ?? null;
    const applied = Date.parse(upstream.first_applied);
    const begin = definition.schedule?.start ? localInstant(definition.schedule.start, timezone) : null;
    const first = begin ?? firstWindow(checkpoint) ?? lastCompleteWindow(applied, every, timezone).start;
    const from = definition.schedule?.catchup === 'all' ? Math.min(first, end) : Math.max(start, Math.min(first, end));
    const finished = finishedWindows(checkpoint);
    const ran = new Set(
      (await store.queue.succeededWindows(upstream, new Date(from).toISOString())).map((text) => Date.parse(text)),
    );
    const open = windowsBetween(from, end, every, timezone).filter(
      (window) =>
        window.end <= end &&
        !ran.has(window.start) &&
        !finished.some((stretch) => stretch.start <= window.start && stretch.end >= window.end),
    );
    if (open.length > 0) return false;
  }
  return true;
}
