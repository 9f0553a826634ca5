import type { Cron } from './cron.ts';
import { MONTHS, WEEKDAYS } from './names.ts';

const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth'];
/** More times of the day than this are told by their minutes and hours. */
const MOST_TIMES = 8;

/** A schedule in words: `every day at 02:00 (Europe/Berlin)`, `every 5 minutes (UTC)`. The zone is shown as it is given. */
export function describeCron(cron: Cron, zone: string): string {
  const time = timeText(cron);
  const day = dayText(cron);
  if (!time.startsWith('every ')) return `${day} ${time} (${zone})`;
  if (day === 'every day') return `${time} (${zone})`;
  return `${time}${day.startsWith('on ') ? ' ' : ', '}${day} (${zone})`;
}

function timeText(cron: Cron): string {
  const { minutes, hours } = cron;
  const [firstHour, lastHour] = [hours[0]!, hours.at(-1)!];
  const pace = minutePace(minutes);
  if (hours.length === 24) return pace ?? `every hour ${minuteText(minutes)}`;
  const hourStep = stepOf(hours, 24);
  if (minutes.length === 1 && hourStep && hours.length >= 4) {
    const from = clock(firstHour, minutes[0]!);
    return `every ${hourStep} hours${from === '00:00' ? '' : ` from ${from}`}`;
  }
  if (minutes.length * hours.length <= MOST_TIMES) {
    return `at ${list(hours.flatMap((hour) => minutes.map((minute) => clock(hour, minute))))}`;
  }
  const together = lastHour - firstHour === hours.length - 1;
  if (together) {
    const base =
      pace && minutes.length > 1 ? pace : minutes.length === 1 ? 'every hour' : `every hour ${minuteText(minutes)}`;
    return `${base} from ${clock(firstHour, minutes[0]!)} to ${clock(lastHour, minutes.at(-1)!)}`;
  }
  const base = minutes.length === 60 ? 'every minute' : minuteText(minutes);
  return `${base} of the hours ${list(runs(hours).map((run) => runText(run, String)))}`;
}

/** `every minute`, `every 5 minutes`, `every hour`; null where the minutes keep no even pace. */
function minutePace(minutes: readonly number[]): string | null {
  if (minutes.length === 60) return 'every minute';
  if (minutes.length === 1) return minutes[0] === 0 ? 'every hour' : null;
  const step = stepOf(minutes, 60);
  if (step === null) return null;
  return `every ${step} minutes${minutes[0] === 0 ? '' : ` from minute ${minutes[0]}`}`;
}

function minuteText(minutes: readonly number[]): string {
  return `at minute${minutes.length > 1 ? 's' : ''} ${list(runs(minutes).map((run) => runText(run, String)))}`;
}

/** The even distance of values that go all around a cycle; null where there is none. */
function stepOf(values: readonly number[], cycle: number): number | null {
  const step = cycle / values.length;
  const even = Number.isInteger(step) && values.length > 1 && values.every((v, i) => v === values[0]! + i * step);
  return even ? step : null;
}

function dayText(cron: Cron): string {
  const { days, weekdays, months } = cron;
  const inMonths = months.length === 12 ? '' : ` in ${list(runs(months).map((run) => runText(run, monthName)))}`;
  if (days.any && weekdays.any) return `every day${inMonths}`;
  const byDate = days.any ? '' : dateText(cron);
  if (weekdays.any) return `${byDate} of ${inMonths === '' ? 'every month' : inMonths.slice(4)}`;
  const byWeekday = weekdayTexts(cron);
  if (days.any) return `${list(byWeekday)}${inMonths}`;
  return `${byDate} of the month and also ${list(byWeekday)}${inMonths}`;
}

function dateText(cron: Cron): string {
  const { dates, last } = cron.days;
  const many = dates.length > 1 ? 's' : '';
  const plain = dates.length > 0 ? `day${many} ${list(runs(dates).map((run) => runText(run, String)))}` : '';
  return `on ${[plain, last ? 'the last day' : ''].filter((part) => part !== '').join(' and ')}`;
}

function weekdayTexts(cron: Cron): string[] {
  const { plain, last, nth } = cron.weekdays;
  const texts: string[] = [];
  // Sunday ends a week here, so that Friday to Sunday is one run.
  const week = plain
    .map((day) => (day === 0 && plain.includes(6) && !plain.includes(1) ? 7 : day))
    .sort((a, b) => a - b);
  const name = (day: number) => WEEKDAYS[day % 7]!;
  if (plain.length === 7) texts.push('every day');
  else if (week.length > 0) {
    const all = runs(week);
    const range = all.length === 1 && week.length > 2;
    texts.push(range ? runText(all[0]!, name) : `every ${list(week.map(name))}`);
  }
  for (const day of last) texts.push(`on the last ${name(day)} of the month`);
  for (const { weekday, nth: count } of nth) texts.push(`on the ${ORDINALS[count - 1]} ${name(weekday)} of the month`);
  return texts;
}

function monthName(month: number): string {
  return MONTHS[month - 1]!;
}

/** Neighbouring values as runs; two neighbours stay apart. */
function runs(values: readonly number[]): number[][] {
  const found: number[][] = [];
  for (const value of values) {
    const run = found.at(-1);
    if (run && run.at(-1) === value - 1) run.push(value);
    else found.push([value]);
  }
  return found.flatMap((run) => (run.length > 2 ? [run] : run.map((value) => [value])));
}

function runText(run: readonly number[], show: (value: number) => string): string {
  return run.length > 1 ? `${show(run[0]!)} to ${show(run.at(-1)!)}` : show(run[0]!);
}

function list(texts: readonly string[]): string {
  return texts.length > 1 ? `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}` : texts.join('');
}

function clock(hour: number, minute: number): string {
  return `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
}
