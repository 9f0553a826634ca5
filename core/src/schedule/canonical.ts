import { normaliseCron, parseCron } from './cron.ts';
import { FIELDS } from './field.ts';

/**
 * One text for all crons that are due at the same moments by the same rules at clock changes: `00 06 * * Mon-fri`, `0 6 ? * 1,2,3-5`
 * and `0 6 * JAN-DEC 1-5` are `0 6 * * 1-5`, `@daily` is `0 0 * * *`. A text that is no cron comes back as `normaliseCron` leaves it.
 */
export function canonicalCron(text: string): string {
  const given = parseCron(text);
  if (!given.ok) return normaliseCron(text);
  const { minutes, hours, months, days, weekdays, interval } = given.cron;
  const whole = (values: readonly number[], field: number) =>
    values.length === (FIELDS[field]?.max ?? 0) - (FIELDS[field]?.min ?? 0) + 1;
  const everyDate = days.any || (weekdays.any && whole(days.dates, 2));
  const everyWeekday = weekdays.any || (days.any && whole(weekdays.plain, 4));
  const time = (values: readonly number[], field: number) =>
    whole(values, field) ? '*' : ((interval ? stepped(values, field) : null) ?? texts(values).join(','));
  const found = [
    time(minutes, 0),
    time(hours, 1),
    everyDate ? '*' : [...texts(days.dates), ...(days.last ? ['L'] : [])].join(','),
    whole(months, 3) ? '*' : texts(months).join(','),
    everyWeekday
      ? '*'
      : [
          ...texts(weekdays.plain),
          ...weekdays.last.map((day) => `${day}L`),
          ...weekdays.nth.map(({ weekday, nth }) => `${weekday}#${nth}`).sort(),
        ].join(','),
  ].join(' ');
  const again = parseCron(found);
  // Steps that run through a part of a field are left as they are written.
  return again.ok && again.cron.interval === interval ? found : normaliseCron(text);
}

/** Values as a step from the first one to the field's end; null where they are none. */
function stepped(values: readonly number[], field: number): string | null {
  const [first, second] = values;
  if (first === undefined || second === undefined) return null;
  const step = second - first;
  const regular = values.every((value, i) => value === first + i * step);
  if (!regular || (values.at(-1) ?? 0) + step <= (FIELDS[field]?.max ?? 0)) return null;
  return `${first === FIELDS[field]?.min ? '*' : first}/${step}`;
}

/** Values with runs of three and more as ranges. */
function texts(values: readonly number[]): string[] {
  const found: string[] = [];
  for (let i = 0; i < values.length; ) {
    const first = values[i] ?? 0;
    let end = i;
    while (values[end + 1] === first + (end + 1 - i)) end++;
    if (end - i >= 2) found.push(`${first}-${values[end]}`);
    else for (let at = i; at <= end; at++) found.push(String(values[at]));
    i = end + 1;
  }
  return found;
}
