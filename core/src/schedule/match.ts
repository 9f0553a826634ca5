import { isLeapYear } from '../model/calendar.ts';
import type { Cron } from './cron.ts';
import { DAY, MINUTE } from './zone.ts';

/** Years that schedules are looked up in. */
export const FIRST_YEAR = 1900;
export const LAST_YEAR = 9999;

const MINUTES_A_DAY = DAY / MINUTE;

/** The earliest local time at or after `from` that the cron names, in a calendar without clock changes; null: none is left. */
export function nextLocal(cron: Cron, from: number): number | null {
  const minute = Math.ceil(from / MINUTE);
  const day = Math.floor(minute / MINUTES_A_DAY);
  const time = timeFrom(cron, minute - day * MINUTES_A_DAY);
  if (time !== null && isDue(cron, day)) return (day * MINUTES_A_DAY + time) * MINUTE;
  const next = dayFrom(cron, day + 1);
  return next === null ? null : (next * MINUTES_A_DAY + cron.hours[0]! * 60 + cron.minutes[0]!) * MINUTE;
}

/** The latest local time before `until` that the cron names; null: there is none. */
export function previousLocal(cron: Cron, until: number): number | null {
  const minute = Math.ceil(until / MINUTE) - 1;
  const day = Math.floor(minute / MINUTES_A_DAY);
  const time = timeUpTo(cron, minute - day * MINUTES_A_DAY);
  if (time !== null && isDue(cron, day)) return (day * MINUTES_A_DAY + time) * MINUTE;
  const before = dayUpTo(cron, day - 1);
  return before === null ? null : (before * MINUTES_A_DAY + cron.hours.at(-1)! * 60 + cron.minutes.at(-1)!) * MINUTE;
}

function timeFrom(cron: Cron, minute: number): number | null {
  const hour = Math.floor(minute / 60);
  for (const h of cron.hours) {
    if (h < hour) continue;
    const least = h > hour ? 0 : minute - hour * 60;
    const m = cron.minutes.find((value) => value >= least);
    if (m !== undefined) return h * 60 + m;
  }
  return null;
}

function timeUpTo(cron: Cron, minute: number): number | null {
  const hour = Math.floor(minute / 60);
  for (let i = cron.hours.length - 1; i >= 0; i--) {
    const h = cron.hours[i]!;
    if (h > hour) continue;
    const most = h < hour ? 59 : minute - hour * 60;
    const m = cron.minutes.findLast((value) => value <= most);
    if (m !== undefined) return h * 60 + m;
  }
  return null;
}

/** Whether the cron is due on a day, counted from 1 January 1970. */
function isDue(cron: Cron, day: number): boolean {
  const date = new Date(day * DAY);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth() + 1];
  return cron.months.includes(month) && fits(cron, date.getUTCDate(), date.getUTCDay(), daysIn(year, month));
}

function fits(cron: Cron, date: number, weekday: number, length: number): boolean {
  const { days, weekdays } = cron;
  const byDate = () => days.dates.includes(date) || (days.last && date === length);
  const byWeekday = () =>
    weekdays.plain.includes(weekday) ||
    (weekdays.last.includes(weekday) && date > length - 7) ||
    weekdays.nth.some((entry) => entry.weekday === weekday && entry.nth === Math.ceil(date / 7));
  if (days.any) return weekdays.any || byWeekday();
  return byDate() || (!weekdays.any && byWeekday());
}

function dayFrom(cron: Cron, day: number): number | null {
  const start = new Date(day * DAY);
  let [year, month, date] = [start.getUTCFullYear(), start.getUTCMonth() + 1, start.getUTCDate()];
  while (year <= LAST_YEAR) {
    if (cron.months.includes(month)) {
      const length = daysIn(year, month);
      const first = firstDay(year, month);
      for (; date <= length; date++) if (fits(cron, date, weekdayOf(first + date - 1), length)) return first + date - 1;
    }
    date = 1;
    if (++month > 12) [year, month] = [year + 1, 1];
  }
  return null;
}

function dayUpTo(cron: Cron, day: number): number | null {
  const start = new Date(day * DAY);
  let [year, month] = [start.getUTCFullYear(), start.getUTCMonth() + 1];
  let date: number | null = start.getUTCDate();
  while (year >= FIRST_YEAR) {
    if (cron.months.includes(month)) {
      const length = daysIn(year, month);
      const first = firstDay(year, month);
      for (let d = date ?? length; d >= 1; d--)
        if (fits(cron, d, weekdayOf(first + d - 1), length)) return first + d - 1;
    }
    date = null;
    if (--month < 1) [year, month] = [year - 1, 12];
  }
  return null;
}

function firstDay(year: number, month: number): number {
  return Date.UTC(year, month - 1, 1) / DAY;
}

/** 1 January 1970 was a Thursday. */
function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return isLeapYear(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
