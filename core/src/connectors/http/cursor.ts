import type { SplitsRequest } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { HttpSettings } from './settings.ts';

/** The parameter that asks for what is new since the checkpoint; null on a first load, and where the job has none. */
export function cursorParam(settings: HttpSettings, request: SplitsRequest): [string, string] | null {
  const { cursor_param: param } = settings;
  const { incremental } = request;
  if (!param) return null;
  if (incremental.type !== 'cursor') {
    throw new SluiceError('source/settings', 'config', '`cursor_param` goes with `incremental: {type: cursor}`', {
      hint: 'Name the column of the cursor under `incremental`.',
    });
  }
  const stored = request.checkpoint?.cursor as { value?: unknown } | undefined;
  const value = typeof stored?.value === 'string' ? stored.value : incremental.initial_value;
  if (value === null) return null;
  const lookback = typeof stored?.value === 'string' ? incremental.lookback_ms : 0;
  return [param.name, formatted(value, param.format, lookback)];
}

const TIME = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?)(\.\d+)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** A cursor's text as the parameter wants it, some time before it. Times are cut to the millisecond below: rows seen before are left out by the run. */
export function formatted(value: string, format: string | undefined, lookback: number): string {
  const found = TIME.exec(value.trim());
  if (!found) return value;
  const [, date = '', clock, fraction = '', zone = 'Z'] = found;
  if (clock === undefined && format === undefined && lookback === 0) return date;
  const offset = /^[+-]\d{2}$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d{2})(\d{2})$/, '$1:$2');
  const seconds = clock === undefined ? '00:00:00' : clock.length === 5 ? `${clock}:00` : clock;
  const at = new Date(Date.parse(`${date}T${seconds}${fraction.slice(0, 4)}${offset}`) - lookback);
  if (Number.isNaN(at.getTime())) return value;
  if (format === 'unix') return String(Math.floor(at.getTime() / 1000));
  if (format === 'unix_ms') return String(at.getTime());
  if (format === 'date' || (format === undefined && clock === undefined)) return at.toISOString().slice(0, 10);
  if (format === undefined) return at.toISOString().replace('.000Z', 'Z');
  return strftime(at, format);
}

function strftime(at: Date, format: string): string {
  const iso = at.toISOString();
  const parts: Record<string, string> = {
    Y: iso.slice(0, 4),
    m: iso.slice(5, 7),
    d: iso.slice(8, 10),
    H: iso.slice(11, 13),
    M: iso.slice(14, 16),
    S: iso.slice(17, 19),
    f: `${iso.slice(20, 23)}000`,
    s: String(Math.floor(at.getTime() / 1000)),
    z: '+0000',
    Z: 'UTC',
    F: iso.slice(0, 10),
    T: iso.slice(11, 19),
    '%': '%',
  };
  return format.replace(/%(.)/g, (_, letter: string) => {
    const part = parts[letter];
    if (part !== undefined) return part;
    throw new SluiceError('source/settings', 'config', `\`cursor_param.format\` has %${letter}, which is not known`, {
      hint: `Known: ${Object.keys(parts)
        .map((known) => `%${known}`)
        .join(' ')}.`,
    });
  });
}
