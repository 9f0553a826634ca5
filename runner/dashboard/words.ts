import type { RunFacts, Sample } from './protocol.ts';
import type { Line } from './series.ts';

export const UNKNOWN = 'not known';

export function countText(value: number | null): string {
  return value === null ? UNKNOWN : value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in units of 1,000. */
export function bytesText(value: number | null): string {
  if (value === null) return UNKNOWN;
  const power = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  const digits = power === 0 ? 0 : 1;
  return `${(value / 1000 ** power).toFixed(digits)} ${UNITS[power]}`;
}

/** What lies between two times, such as `1 min 5 s`. */
export function durationText(from: string | null, to: string | number | null): string {
  if (from === null || to === null) return UNKNOWN;
  const seconds = Math.max(0, ((typeof to === 'number' ? to : Date.parse(to)) - Date.parse(from)) / 1000);
  if (seconds < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A moment as it is spoken of `now`: the day is said of other days alone. */
export function momentText(at: Date, now: Date): string {
  const time = at.toLocaleTimeString('en-GB');
  const day = `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, '0')}-${String(at.getDate()).padStart(2, '0')}`;
  return at.toDateString() === now.toDateString() ? time : `${day} ${time}`;
}

/** The greatest value of a line; not known where none is. */
export function peakText(line: Line, text: (value: number | null) => string): string {
  const known = line[1].filter((value) => value !== null);
  return known.length === 0 ? UNKNOWN : `peak ${text(known.reduce((a, b) => Math.max(a, b)))}`;
}

/** How a run stands, each as a label and its text. Once it is over its own counts are the truth, before that the newest sample. */
export function totals(run: RunFacts, last: Sample | undefined): [label: string, text: string][] {
  return [
    ['rows read', countText(run.rows ?? last?.rows ?? null)],
    ['rows written', countText(run.written)],
    ['rows rejected', countText(run.rejected ?? last?.rejected ?? null)],
    ['bytes read', bytesText(run.bytes ?? last?.bytes ?? null)],
    [run.finishedAt ? 'took' : 'running for', durationText(run.startedAt, run.finishedAt ?? last?.at ?? null)],
  ];
}
