import type { Range } from '../model/diagnostic.ts';
import { parseCron } from './cron.ts';
import { isTimeZone, suggestTimeZone } from './zone.ts';

/** A fault in one text of a schedule; `range` lies within that text (UTF-16 offsets). */
export interface ScheduleFault {
  field: 'cron' | 'timezone';
  code: 'value/cron' | 'value/timezone';
  message: string;
  range: Range;
  /** What was most likely meant, to stand in the place of the whole text. */
  text?: string;
}

/** What is wrong with a schedule's texts; those left out are not checked. Empty where both are right. Never throws. */
export function checkSchedule(schedule: { cron?: string; timezone?: string }): ScheduleFault[] {
  const faults: ScheduleFault[] = [];
  if (schedule.cron !== undefined) {
    const parsed = parseCron(schedule.cron);
    if (!parsed.ok) faults.push({ field: 'cron', code: 'value/cron', message: parsed.message, range: parsed.range });
  }
  const zone = schedule.timezone;
  if (zone !== undefined && !isTimeZone(zone)) {
    const text = suggestTimeZone(zone);
    const rest = text ? `did you mean \`${text}\`?` : 'write an IANA name such as `Europe/Berlin`.';
    const message = `\`${zone}\` is no time zone; ${rest}`;
    const range = { start: 0, end: zone.length };
    faults.push({ field: 'timezone', code: 'value/timezone', message, range, ...(text ? { text } : {}) });
  }
  return faults;
}
