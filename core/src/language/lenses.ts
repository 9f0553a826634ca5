import { parseCron } from '../schedule/cron.ts';
import { nextFires } from '../schedule/fires.ts';
import { formatLocal, isTimeZone } from '../schedule/zone.ts';
import { entryOf, textOf } from '../text/node.ts';
import { readable } from './readable.ts';
import type { CodeLens, LanguageContext, RunInfo } from './types.ts';
import { isConfig } from './visits.ts';

/** What stands above a job's name: Run, Preview, and when it runs next and how it went. From memory alone. */
export function codeLenses(context: LanguageContext): CodeLens[] {
  const document = readable(context.document);
  if (isConfig(document, context.project)) return [];
  const entry = entryOf(document.root, 'name');
  const name = textOf(document.root, 'name');
  if (!entry || name === undefined) return [];
  const { range } = entry.key;
  const lens = (title: string, command: CodeLens['command']): CodeLens => ({ range, title, command });
  const told = [nextText(context), lastText(context.host.runs?.(name) ?? null)].filter((part) => part !== '');
  return [
    lens('Run', { name: 'run', job: name }),
    lens('Preview', { name: 'preview', job: name }),
    ...(told.length > 0 ? [lens(told.join(', '), null)] : []),
  ];
}

function nextText(context: LanguageContext): string {
  const { job } = context.project.view(readable(context.document), context.scope);
  const cron = textOf(job, 'schedule', 'cron');
  const zone = textOf(job, 'schedule', 'timezone') ?? 'UTC';
  const parsed = cron === undefined ? null : parseCron(cron);
  if (!parsed?.ok || !isTimeZone(zone) || textOf(job, 'enabled') === 'false') return '';
  const now = context.host.now();
  const [next] = nextFires(parsed.cron, zone, now, 1);
  if (next === undefined) return '';
  const [day, time] = formatLocal(next, zone).split(/[T ]/);
  const today = formatLocal(now, zone).split(/[T ]/)[0];
  return `next ${day === today ? '' : `${day} `}${time?.slice(0, 5)}`;
}

function lastText(run: RunInfo | null): string {
  if (!run) return '';
  const parts = [run.status === 'succeeded' ? 'last ok' : `last ${run.status}`];
  if (run.duration_ms !== null) parts.push(durationText(run.duration_ms));
  if (run.rows_written !== null) parts.push(`${run.rows_written.toLocaleString('en-US')} rows`);
  return parts.join(' ');
}

function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  return minutes < 90 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}
