import { checkSchedule } from '../../schedule/check.ts';
import { isTimeZone, localInstant } from '../../schedule/zone.ts';
import { child, entryOf, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** A schedule that fires, and whose end lies after its start. */
export const schedule: Rule = {
  job({ view, report }) {
    const cron = child(view.job, 'schedule', 'cron');
    const text = textOf(view.job, 'schedule', 'cron');
    const faults = text === undefined || text.includes('${') ? [] : checkSchedule({ cron: text });
    for (const fault of faults) if (cron) report('value/cron', cron, fault.message);
    const end = entryOf(child(view.job, 'schedule'), 'end')?.value;
    const zone = textOf(view.job, 'schedule', 'timezone') ?? 'UTC';
    const [from, to] = ['start', 'end'].map((key) => instant(textOf(view.job, 'schedule', key), zone));
    if (end && from != null && to != null && to <= from) report('schedule/bounds', end, '`end` must be after `start`.');
  },
};

/** null also where the zone is none, which is said elsewhere. */
function instant(text: string | undefined, zone: string): number | null {
  return text === undefined || !isTimeZone(zone) ? null : localInstant(text, zone);
}
