import type { AlertKind, NoticeContent } from '../store/notices.ts';

/** The fields that templates and JSON bodies have: those of the content, and the texts that follow from them. */
export interface NoticeFields extends NoticeContent {
  /** The notification's own id: the same one where it is delivered twice. */
  id: string;
  title: string;
  text: string;
  /** Address of the job; null: the daemon has no `api.url`. */
  url: string | null;
}

const WRONG: Readonly<Record<AlertKind, string>> = {
  failure: 'failed',
  freshness: 'is late: its last success is too old',
  duration: 'takes longer than it should',
};

const OVER: Readonly<Record<AlertKind, string>> = { failure: 'failing', freshness: 'late', duration: 'slow' };

/** What is told, in words; `base`: address of the daemon for people. */
export function noticeFields(id: string, content: NoticeContent, base: string | null): NoticeFields {
  const { job, target, project, kinds, event } = content;
  const place = target === 'default' ? project : `${project}/${target}`;
  const [kind = 'failure'] = kinds;
  const title =
    event === 'recovery'
      ? `${job} is well again (it was ${kinds.map((one) => OVER[one]).join(' and ')})`
      : `${job} ${WRONG[kind]}`;
  const lines = [
    `Project: ${place}`,
    ...(content.owner === null ? [] : [`Owner: ${content.owner}`]),
    ...(content.error_code === null ? [] : [`Error: ${content.error_code}: ${content.error_message ?? ''}`]),
    ...(content.bound_ms === null ? [] : [`Bound: ${durationText(content.bound_ms)}`]),
    `Since: ${content.since}`,
    ...(content.run_id === null ? [] : [`Run: ${content.run_id}`]),
  ];
  const url = base === null ? null : `${base.replace(/\/+$/, '')}/jobs/${encodeURIComponent(job)}`;
  return { ...content, id, title: `[${place}] ${title}`, text: lines.join('\n'), url };
}

const UNITS: readonly [number, string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
];

/** `26h`, `90m`: in the largest unit that leaves no rest, as the language writes durations. */
function durationText(ms: number): string {
  const [size, unit] = UNITS.find(([length]) => ms % length === 0) ?? [1, 'ms'];
  return `${ms / size}${unit}`;
}

/** A template with its `{{field}}` put in; `encode` makes of them what the text around them wants. A field without a value is empty. */
export function fillTemplate(template: string, fields: NoticeFields, encode: (text: string) => string): string {
  const values = fields as unknown as Readonly<Record<string, unknown>>;
  return template.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name: string) => {
    if (!Object.hasOwn(values, name)) return whole;
    const value = values[name];
    return value === null ? '' : encode(Array.isArray(value) ? value.join(', ') : String(value));
  });
}

/** As the inside of a JSON text. */
export function jsonInside(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
