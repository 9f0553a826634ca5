import { hostname } from 'node:os';
import { localInstant, type RunWindow } from '@sluice/core';
import { needsHost } from '../dispatch/placement.ts';
import { ask } from '../executor/ask.ts';
import type { Look } from '../executor/questions.ts';
import { windowedStreams } from '../executor/windowed.ts';
import type { RunOptions } from '../store/claim.ts';
import type { JobRow } from '../store/jobs.ts';
import type { RunKind } from '../store/types.ts';
import type { ApiContext } from './context.ts';
import { environmentOf } from './jobs-in.ts';
import { Problem } from './problems.ts';

/** What asking for runs needs; commands have it without a server. */
export type JobContext = Pick<ApiContext, 'store' | 'door'>;

/** What is asked for: runs of a job, which a daemon takes from the queue. */
export interface Wanted {
  row: JobRow;
  kind: RunKind;
  by: string;
  reason: string | null;
  options: RunOptions;
  /** One run for each, oldest first; null: the job is not about windows. */
  windows: readonly RunWindow[] | null;
  backfill?: string;
}

/** Puts runs into the queue and gives their ids. */
export async function enqueue({ store, door }: JobContext, wanted: Wanted): Promise<string[]> {
  const { row, kind, by, reason, options, windows, backfill } = wanted;
  const reconciler = await store.nodes.reconciler(door.key);
  const hostWanted = needsHost(row.definition) ? (reconciler?.host ?? hostname()) : null;
  const common = {
    ...door.key,
    ...{ job: row.definition, kind, requestedBy: by, reason, hostWanted, gitRevision: reconciler?.revision ?? null },
    ...(backfill === undefined ? {} : { backfill }),
  };
  const found: string[] = [];
  const isWindowed = windowedStreams(row.definition, options.stream ?? null).length > 0;
  for (const [i, window] of (windows ?? [null]).entries()) {
    const times = window && isWindowed ? { start: window.from, end: window.to } : null;
    // Streams without windows are run beside the first one.
    const more = window ? { window, windowed_only: options.windowed_only === true || i > 0 } : {};
    const id = await store.queue.enqueue({ ...common, window: times, options: { ...options, ...more } });
    if (id !== null) found.push(id);
  }
  return found;
}

/**
 * Runs `work` while nobody else starts the job by hand: it looks at the runs that are alive before it puts one into the queue, and two
 * that look at once would both find none.
 */
export function alone<T>(
  { store, door }: JobContext,
  job: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const { project, target } = door.key;
  const lock = `start ${JSON.stringify([project, target, job])}`;
  return store.withLock(lock, { signal, holder: `start of ${job}`, onWait: () => undefined }, work);
}

/** A look at what a job reads or writes, for a process that has the engine. */
export async function lookAt({ door }: JobContext, row: JobRow, stream: string | null): Promise<Look> {
  requireStream(row, stream);
  const { env } = await door.config();
  const { definition: job } = row;
  return { projectDir: door.dir, job, env: environmentOf({ env }), stream, stateStore: door.stateStore };
}

/** Throws 404 where the job has no such stream; one of a pattern of tables is not known by its name yet. */
export function requireStream({ job, definition: { streams } }: JobRow, stream: string | null): void {
  if (stream === null || streams.some(({ name, tables }) => name === stream || tables)) return;
  throw new Problem(404, 'stream/unknown', `${job} has no stream ${stream}`, {
    hint: `There is ${streams.map(({ name }) => name).join(', ')}.`,
  });
}

/** The windows that a run by hand has to do now; null: the job has none. */
export async function windowsNow(
  context: JobContext,
  row: JobRow,
  { stream, signal }: { stream: string | null; signal: AbortSignal },
): Promise<RunWindow[] | null> {
  if (windowedStreams(row.definition, stream).length === 0) return null;
  return ask('windows_to_run', await lookAt(context, row, stream), signal);
}

export interface Backfill {
  from: string;
  to: string;
  force: boolean;
  stream: string | null;
  reason: string | null;
}

/** What a backfill is made of. Throws 422 where its bounds make no sense for the job. */
async function windowsOf(
  context: JobContext,
  row: JobRow,
  { from, to, force, stream }: Backfill,
  signal: AbortSignal,
): Promise<{ windows: RunWindow[]; finished: number; left: number; from: string; to: string }> {
  requireStream(row, stream);
  const { definition: job } = row;
  const [windowed] = windowedStreams(job, stream);
  if (!windowed) {
    const streams = job.streams.filter(({ name }) => stream === null || name === stream);
    if (streams.some(({ incremental }) => incremental.type === 'cursor'))
      return { windows: [{ from, to, again: true }], finished: 0, left: 0, from, to };
    throw new Problem(422, 'backfill/none', `${job.name} has neither windows nor a cursor`, {
      hint: 'Start it with "full_refresh": true to load everything anew.',
    });
  }
  const zone = windowed.incremental.timezone;
  const bounds = { from: instantOf('from', from, zone), to: instantOf('to', to, zone), force };
  if (bounds.from >= bounds.to) throw new Problem(422, 'backfill/bounds', '`from` has to lie before `to`');
  const found = await ask('windows_to_fill', { ...(await lookAt(context, row, stream)), ...bounds }, signal);
  const iso = (ms: number) => new Date(ms).toISOString();
  return { ...found, from: iso(bounds.from), to: iso(bounds.to) };
}

/** Puts the runs of a backfill into the queue. Throws as `windowsOf` does. */
export async function createBackfill(
  context: JobContext,
  row: JobRow,
  wanted: Backfill,
  { by, signal }: { by: string; signal: AbortSignal },
): Promise<{ backfill: string; runs: string[]; passedOver: number; leftOut: number }> {
  const { windows, finished, left, from, to } = await windowsOf(context, row, wanted, signal);
  const { stream, force, reason } = wanted;
  const backfill = await context.store.backfills.create({
    ...{ ...context.door.key, job: row.job, stream, from_value: from, to_value: to, force, requested_by: by, reason },
    ...{ passed_over: finished, left_out: left },
  });
  const options = { ...(stream === null ? {} : { stream }), windowed_only: true };
  const runs = await enqueue(context, { row, kind: 'backfill', by, reason, options, windows, backfill });
  return { backfill, runs, passedOver: finished, leftOut: left };
}

function instantOf(field: string, text: string, zone: string): number {
  const instant = localInstant(text, zone);
  if (instant !== null) return instant;
  throw new Problem(422, 'backfill/bounds', `\`${field}\` wants a date or time such as 2026-03-01, not ${text}`);
}
