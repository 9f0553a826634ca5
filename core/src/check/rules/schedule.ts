import { checkSchedule } from '../../schedule/check.ts';
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
    const [from, to] = [instant(textOf(view.job, 'schedule', 'start')), instant(textOf(view.job, 'schedule', 'end'))];
    if (end && from !== null && to !== null && to <= from)
      report('schedule/bounds', end, '`end` must be after `start`.');
  },
};

function instant(text: string | undefined): number | null {
  const time = text === undefined ? Number.NaN : Date.parse(text.replace(' ', 'T'));
  return Number.isNaN(time) ? null : time;
}
