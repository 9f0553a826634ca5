import type { Job, Schedule, Stream } from '../model/job.ts';
import { parseCron } from '../schedule/cron.ts';
import { nextFires, scheduleBounds } from '../schedule/fires.ts';
import { addressesOf } from './addresses.ts';
import type { Effect } from './types.ts';

const FIRES = 3;

/** When a job fires next (milliseconds), later than `now`; null: it does not. */
export function nextFire(job: Pick<Job, 'enabled' | 'schedule'>, now: number): number | null {
  return (job.enabled && job.schedule ? upcoming(job.schedule, now, 1)[0] : undefined) ?? null;
}

/** When a job fires next, or why it does not. */
export function firesText(job: Job, now: number): string {
  if (!job.enabled) return 'never, it is not enabled';
  const fires = job.schedule ? upcoming(job.schedule, now, FIRES) : null;
  if (fires === null) return 'only by hand';
  return fires.length === 0 ? 'never again' : fires.map((at) => new Date(at).toISOString()).join(', ');
}

function upcoming(schedule: Schedule, now: number, n: number): number[] {
  const parsed = parseCron(schedule.cron);
  if (!parsed.ok) return [];
  return nextFires(parsed.cron, schedule.timezone, now, n, scheduleBounds(schedule));
}

/** What a changed job means beside its streams. */
export function jobEffects(old: Job, job: Job, now: number): Effect[] {
  const [before, after] = [firesText(old, now), firesText(job, now)];
  return before === after ? [] : [kept(`rescheduled: next fires ${before} → ${after}`)];
}

/** What a changed stream means for what is loaded already. */
export function streamEffects(old: Stream, stream: Stream): Effect[] {
  const effects: Effect[] = [reloadEffect(old, stream)];
  const [before, after] = [old.destination, stream.destination];
  const replaces = after.write_disposition === 'replace';
  if (replaces && before.write_disposition !== 'replace') {
    effects.push(lost('every load now replaces the rows of the table'));
  }
  if (after.deletes?.mode === 'hard' && before.deletes?.mode !== 'hard') {
    effects.push(lost('rows that the source marks as deleted are now deleted from the table'));
  }
  if (stream.source.settings.after_load === 'delete' && old.source.settings.after_load !== 'delete') {
    effects.push(lost('files are now deleted at the source after they were committed'));
  }
  return effects;
}

function reloadEffect(old: Stream, stream: Stream): Effect {
  const [before, after] = [addressesOf(old), addressesOf(stream)];
  const parts = (['source', 'incremental', 'destination'] as const).filter((part) => before[part] !== after[part]);
  if (parts.length === 0) return kept(stream.incremental.type === 'none' ? 'every run loads all' : 'cursor kept');
  if (parts.includes('destination')) {
    return kept('another destination: the next run loads everything into it; the table before stays as it is');
  }
  const why = `another ${parts.join(' and ')}`;
  const reload = `${why}: cursor reset, the next run is a full load`;
  if (stream.destination.write_disposition === 'replace') return lost(`${reload} that replaces the rows of the table`);
  if (stream.destination.write_disposition === 'merge') return kept(`${reload}, merged into the table by its key`);
  return kept(`${reload}, added to the rows that the table has`);
}

/** An effect that applying the old files again takes back. */
export function kept(message: string): Effect {
  return { message, destructive: false };
}

function lost(message: string): Effect {
  return { message, destructive: true };
}
