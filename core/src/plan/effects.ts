import { canonicalJson } from '../compile/canonical.ts';
import { changedAddresses } from '../model/address.ts';
import type { Job, Schedule, Stream } from '../model/job.ts';
import { isJsonObject, type Json } from '../model/json.ts';
import { parseCron } from '../schedule/cron.ts';
import { nextFires, scheduleBounds } from '../schedule/fires.ts';
import { addressesOf } from './addresses.ts';
import { kept, lost } from './effect.ts';
import { tableEffects } from './table-effects.ts';
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
  return before === after ? [] : [kept('schedule', `rescheduled: next fires ${before} → ${after}`)];
}

/** What a changed stream means for what is loaded already, as far as the files tell. */
export function streamEffects(old: Stream, stream: Stream): Effect[] {
  return [...loadEffects(old, stream), ...tableEffects(old, stream)];
}

function loadEffects(old: Stream, stream: Stream): Effect[] {
  if (old.enabled !== stream.enabled) {
    const message = stream.enabled
      ? 'loaded again from the next run on'
      : 'loaded no more; its table and checkpoint stay';
    if (!stream.enabled) return [kept('load', message)];
    return [kept('load', message), reloadEffect(old, stream)];
  }
  const reload = reloadEffect(old, stream);
  const effects = [reload, ...fileEffects(old, stream, keepsPlace(old, stream))];
  return [...effects, ...afterLoadEffects(old, stream)];
}

/** What becomes of files at the source, where that is another than before. `old` null: the stream is new. */
export function afterLoadEffects(old: Stream | null, stream: Stream): Effect[] {
  const [before, after] = [old, stream].map((one) => one?.source.settings.after_load ?? null);
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null) || !isJsonObject(after)) return [];
  if ('delete' in after) return [lost('files', 'files are deleted at the source once they are committed')];
  return 'move' in after ? [kept('files', `files go to ${after.move} at the source once they are committed`)] : [];
}

/** Whether the next run goes on where the last one ended. */
export function keepsPlace(old: Stream, stream: Stream): boolean {
  return changedAddresses(addressesOf(old), addressesOf(stream)).length === 0;
}

function reloadEffect(old: Stream, stream: Stream): Effect {
  const parts = changedAddresses(addressesOf(old), addressesOf(stream));
  if (parts.length === 0)
    return kept('load', stream.incremental.type === 'none' ? 'every run loads all' : 'cursor kept');
  if (parts.includes('destination')) {
    const message = 'another destination: the next run loads everything into it; the table before stays as it is';
    return kept('load', message);
  }
  const why = `another ${parts.join(' and ')}`;
  const reload = `${why}: cursor reset, the next run is a full load`;
  const { write_disposition: how } = stream.destination;
  if (how === 'replace') return lost('load', `${reload} that replaces the rows of the table`);
  if (how === 'merge') return kept('load', `${reload}, merged into the table by its key`);
  return kept('load', `${reload}, added to the rows that the table has`);
}

/** What another pattern or another reading means for files, of which those that were loaded stay so. */
function fileEffects(old: Stream, stream: Stream, keeps: boolean): Effect[] {
  if (!keeps || stream.incremental.type !== 'files') return [];
  const differs = (key: string) =>
    canonicalJson(old.source.settings[key] ?? null) !== canonicalJson(stream.source.settings[key] ?? null);
  const effects: Effect[] = [];
  if (['path', 'exclude'].some(differs)) {
    effects.push(
      kept('files', 'files that match now and were not loaded yet are loaded; those that were are not read again'),
    );
  }
  const reads = (one: Stream) => canonicalJson({ format: one.format, columns: one.columns } as unknown as Json);
  if (reads(old) !== reads(stream)) {
    effects.push(
      kept('files', 'files that were loaded are not read again (`sluice run --full-refresh` reads them all)'),
    );
  }
  return effects;
}
