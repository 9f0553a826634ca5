/**
 * Compares the fires with a matcher of its own that reads nothing but the wall clock of Intl, minute by minute around every
 * clock change since 1970, and checks the laws that hold for any cron, zone and time.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cron, parseCron } from './cron.ts';
import { dstNotes } from './dst.ts';
import { fires, missedFires, nextFires, previousFire } from './fires.ts';
import { type Every, windowOf } from './windows.ts';
import { changesBetween, offsetAt } from './zone.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const FROM = 0;
const TO = Date.UTC(2030, 0, 1);

const ZONES =
  `UTC Europe/Berlin Europe/Madrid Europe/London Europe/Dublin Europe/Lisbon Europe/Moscow Europe/Istanbul Europe/Chisinau Europe/Warsaw
Atlantic/Azores Atlantic/Canary America/New_York America/Chicago America/Denver America/Los_Angeles America/Anchorage
America/Adak America/St_Johns America/Halifax America/Havana America/Nuuk America/Scoresbysund America/Sao_Paulo
America/Boa_Vista America/Asuncion America/Santiago America/Caracas America/Mexico_City America/Argentina/San_Luis
Africa/Cairo Africa/Casablanca Africa/Monrovia Africa/Windhoek Africa/Juba Asia/Kolkata Asia/Kathmandu Asia/Tehran Asia/Gaza
Asia/Beirut Asia/Amman Asia/Pyongyang Asia/Dhaka Australia/Sydney Australia/Lord_Howe Australia/Perth Pacific/Auckland
Pacific/Chatham Pacific/Apia Pacific/Kwajalein Pacific/Norfolk Antarctica/Troll Antarctica/Casey`.split(/\s+/);

function cron(text: string): Cron {
  const parsed = parseCron(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
  return parsed.cron;
}

/** What the clock on the wall shows, from the fields that Intl prints. */
function wallClock(zone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return (instant) => {
    const [d, m, y, hh, mm, ss] = format.format(instant).split(/\D+/).map(Number);
    return Date.UTC(y!, m! - 1, d, hh, mm, ss);
  };
}

interface Change {
  at: number;
  /** What the clock would have shown, and shows. */
  before: number;
  after: number;
}

/** Every change of a zone's clock, by its offset every sixty hours and halving. */
function findChanges(show: (instant: number) => number): Change[] {
  const found: Change[] = [];
  const step = 60 * HOUR;
  for (let low = FROM; low < TO; low += step) {
    const offset = show(low) - low;
    if (show(low + step) - low - step === offset) continue;
    let [a, b] = [low, low + step];
    while (b - a > 1000) {
      const middle = a + Math.floor((b - a) / 2000) * 1000;
      if (show(middle) - middle === offset) a = middle;
      else b = middle;
    }
    found.push({ at: b, before: b + offset, after: show(b) });
  }
  return found;
}

type Matches = (local: number) => boolean;

/** A second reading of simple crons (`*`, values, lists, ranges, steps) that shares nothing with the first. */
function matcher(text: string): Matches {
  const fields = text.split(' ').map((field, index) => {
    const low = index === 2 || index === 3 ? 1 : 0;
    const entries = field.split(',').map((entry) => {
      const [range, step] = entry.split('/');
      const [from, to] = range === '*' ? [low, 99] : range!.split('-').map(Number);
      return { from: from!, to: to ?? (step ? 99 : from!), step: Number(step ?? 1) };
    });
    return (value: number) => entries.some((e) => value >= e.from && value <= e.to && (value - e.from) % e.step === 0);
  });
  const [minute, hour, date, month, weekday] = fields;
  const free = (index: number) => /(?:^|,)\*(?:\/1)?(?:,|$)/.test(text.split(' ')[index]!);
  return (local) => {
    const d = new Date(local);
    if (!minute!(d.getUTCMinutes()) || !hour!(d.getUTCHours()) || !month!(d.getUTCMonth() + 1)) return false;
    const byDate = date!(d.getUTCDate());
    const byWeekday = weekday!(d.getUTCDay()) || (d.getUTCDay() === 0 && weekday!(7));
    return free(2) || free(4) ? byDate && byWeekday : byDate || byWeekday;
  };
}

/** The clock's readings in steps that meet every full minute it shows, from well before a change to well after it. */
function readings(change: Change, show: (instant: number) => number): { at: number; local: number }[] {
  const reach = Math.abs(change.after - change.before) + 2 * HOUR;
  const whole = [change.at, change.before, change.after].every((time) => time % MINUTE === 0);
  const step = whole ? MINUTE : MINUTE / 2;
  const found: { at: number; local: number }[] = [];
  for (let at = change.at - reach; at < change.at + reach; at += step) found.push({ at, local: show(at) });
  return found;
}

function expected(clock: readonly { at: number; local: number }[], matches: Matches, interval: boolean): number[] {
  const found = new Set<number>();
  const shown = new Set<number>();
  let last = clock[0]!.local;
  for (const { at, local } of clock) {
    for (let missing = Math.ceil((last + 1) / MINUTE) * MINUTE; missing < local; missing += MINUTE)
      if (!interval && !shown.has(missing) && matches(missing)) found.add(at);
    if (local % MINUTE === 0 && matches(local) && (interval || !shown.has(local))) found.add(at);
    shown.add(local);
    last = local;
  }
  return [...found];
}

/** Crons that aim at a change: at its times, beside them, and across them. */
function patterns(change: Change, index: number): { text: string; interval: boolean }[] {
  const middle = new Date((change.before + change.after) / 2);
  const edge = new Date(change.after);
  const [m, h, d] = [middle.getUTCMinutes(), middle.getUTCHours(), middle.getUTCDate()];
  const [eh, em] = [edge.getUTCHours(), edge.getUTCMinutes()];
  const around = `${Math.max(0, eh - 1)}-${Math.min(23, eh + 1)}`;
  const all = [
    { text: `${m} ${h} * * *`, interval: false },
    { text: `${em} ${eh} * * *`, interval: false },
    { text: '0,30 0,1,2,3,4,22,23 * * *', interval: false },
    { text: `${index % 60} ${around} * * *`, interval: false },
    { text: `0,20,${m} ${around} ${d} * ${middle.getUTCDay()}`, interval: false },
    { text: '0 0 * * *', interval: false },
    { text: '*/30 * * * *', interval: true },
    { text: '* * * * *', interval: true },
    { text: `*/15 ${h} * * *`, interval: true },
    { text: `${index % 60} */2 * * *`, interval: true },
    { text: `0 * ${d} * *`, interval: true },
  ];
  return all.filter((_, i) => i < 3 || i === 6 || (i + index) % 3 === 0);
}

describe('around every clock change since 1970', () => {
  let total = 0;

  test.each(ZONES)('%s', (zone) => {
    const show = wallClock(zone);
    const changes = findChanges(show);
    total += changes.length;
    const ours = [...changesBetween(zone, FROM, TO)];
    expect(ours.map((c) => [c.start, c.seen, c.start + c.offset])).toEqual(
      changes.map((c) => [c.at, c.before, c.after]),
    );
    const wrong: string[] = [];
    for (const [index, change] of changes.entries()) {
      const clock = readings(change, show);
      const [low, high] = [clock[0]!.at, clock.at(-1)!.at];
      for (const { text, interval } of patterns(change, index)) {
        const due = expected(clock, matcher(text), interval);
        const parsed = cron(text);
        const what = `${text} around ${new Date(change.at).toISOString()}`;
        const equal = (found: readonly number[]) =>
          found.length === due.length && found.every((at, i) => at === due[i]);
        if (!equal([...fires(parsed, zone, low - 1, high)])) wrong.push(what);
        const backward: number[] = [];
        for (
          let at = previousFire(parsed, zone, high);
          at !== null && at >= low;
          at = previousFire(parsed, zone, at - 1)
        )
          backward.push(at);
        if (!equal(backward.reverse())) wrong.push(`${what}, backward`);
        for (const probe of [change.at - 1, change.at, change.at + 1, change.at + 59_999]) {
          const at = nextFires(parsed, zone, probe, 1)[0]!;
          const wanted = due.find((t) => t > probe);
          if (wanted === undefined ? at <= high : at !== wanted) wrong.push(`${what}, asked at ${probe}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test('there were many', () => {
    expect(total).toBeGreaterThan(3000);
  });
});

describe('laws', () => {
  const run = { seed: 20_240_310, numRuns: 300 };
  const part = (low: number, high: number, most: number) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: low, max: high }).map(String) },
      fc
        .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
        .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
      fc.integer({ min: 1, max: most }).map((n) => `*/${n}`),
    );
  const field = (low: number, high: number, most = high - low + 1) =>
    fc.oneof(
      fc.constant('*'),
      fc.array(part(low, high, most), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(',')),
    );
  const text = fc
    .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7, 7))
    .map((fields) => fields.join(' '));
  const zone = fc.constantFrom(...ZONES);
  const instant = fc.integer({ min: FROM / 1000, max: TO / 1000 }).map((s) => s * 1000);

  test('fires ascend, each later than what was asked for, and lead back to themselves', () => {
    fc.assert(
      fc.property(text, zone, instant, fc.integer({ min: 0, max: 999 }), (t, z, from, ms) => {
        const parsed = cron(t);
        const found = nextFires(parsed, z, from + ms, 8);
        expect(found).toHaveLength(8);
        let last = from + ms;
        for (const at of found) {
          expect(at).toBeGreaterThan(last);
          expect(previousFire(parsed, z, at)).toBe(at);
          const before = previousFire(parsed, z, at - 1);
          if (last === from + ms) expect(before === null || before <= last).toBe(true);
          else expect(before).toBe(last);
          expect(nextFires(parsed, z, at - 1, 1)).toEqual([at]);
          last = at;
        }
      }),
      run,
    );
  });

  test('every fire shows a due time, or is the first moment after a gap that holds one', () => {
    fc.assert(
      fc.property(text, zone, instant, (t, z, from) => {
        const matches = matcher(t);
        const parsed = cron(t);
        for (const at of nextFires(parsed, z, from, 8)) {
          if (matches(at + offsetAt(z, at))) continue;
          expect(parsed.interval).toBe(false);
          expect(dstNotes(parsed, z, at, at + 1)).toMatchObject([{ kind: 'moved' }]);
        }
      }),
      run,
    );
  });

  test('in a zone without changes the fires are the matching minutes', () => {
    fc.assert(
      fc.property(text, instant, (t, start) => {
        const matches = matcher(t);
        const from = Math.ceil(start / MINUTE) * MINUTE;
        const due: number[] = [];
        for (let at = from; at < from + 3 * DAY; at += MINUTE) if (matches(at)) due.push(at);
        expect([...fires(cron(t), 'UTC', from - 1, from + 3 * DAY - 1)]).toEqual(due);
      }),
      run,
    );
  });

  test('rare days are neither passed over nor made up', () => {
    const rare = fc
      .tuple(fc.integer({ min: 1, max: 28 }), fc.integer({ min: 1, max: 12 }), fc.constantFrom('*', '1', '5-7'))
      .map(([d, m, w]) => `30 12 ${d} ${m} ${w}`);
    fc.assert(
      fc.property(rare, instant, zone, (t, start, z) => {
        const matches = matcher(t);
        const first = Math.floor(start / DAY) * DAY + 12.5 * HOUR;
        const due: number[] = [];
        for (let local = first; local < first + 1200 * DAY; local += DAY) if (matches(local)) due.push(local);
        const low = first - 30 * MINUTE - offsetAt(z, first);
        const found = [...fires(cron(t), z, low, low + 1200 * DAY)].map((at) =>
          Math.round((at + offsetAt(z, at)) / DAY - 0.52),
        );
        const days = due.map((local) => Math.round(local / DAY - 0.52));
        // Days that a zone left out, and the ends of the period, may differ by one.
        expect(Math.abs(found.length - days.length)).toBeLessThanOrEqual(1);
        expect(days.filter((day) => !found.includes(day)).length).toBeLessThanOrEqual(1);
      }),
      { ...run, numRuns: 150 },
    );
  });

  test('missed fires are the next ones, and a period falls into its parts', () => {
    fc.assert(
      fc.property(
        text,
        zone,
        instant,
        fc.integer({ min: 0, max: 30 * 24 }),
        fc.integer({ min: 0, max: 30 * 24 }),
        (t, z, a, m, n) => {
          const parsed = cron(t);
          const [b, c] = [a + m * HOUR, a + (m + n) * HOUR];
          const all = missedFires(parsed, z, a, c, 'all');
          const one: number[] = [];
          for (let at = nextFires(parsed, z, a, 1)[0]; at !== undefined && at <= c; at = nextFires(parsed, z, at, 1)[0])
            one.push(at);
          expect(all).toEqual(one);
          expect(new Set(all).size).toBe(all.length);
          expect([...missedFires(parsed, z, a, b, 'all'), ...missedFires(parsed, z, b, c, 'all')]).toEqual(all);
          expect(missedFires(parsed, z, a, c, 'latest')).toEqual(all.slice(-1));
          expect(missedFires(parsed, z, a, c, 'none')).toEqual(all.filter((at) => at === c));
        },
      ),
      { ...run, numRuns: 60 },
    );
  });

  test('windows follow each other without gap or overlap, no longer than an hour and a change', () => {
    const most: Record<Every, number> = { hour: 2.5 * HOUR, day: 49 * HOUR, week: 9 * DAY, month: 33 * DAY };
    fc.assert(
      fc.property(zone, instant, fc.constantFrom<Every>('hour', 'day', 'week', 'month'), (z, at, every) => {
        const window = windowOf(at, every, z);
        expect(window.start <= at && at < window.end).toBe(true);
        expect(windowOf(window.start, every, z)).toEqual(window);
        expect(windowOf(window.end - 1, every, z)).toEqual(window);
        expect(windowOf(window.end, every, z).start).toBe(window.end);
        expect(windowOf(window.start - 1, every, z).end).toBe(window.start);
        expect(window.end - window.start).toBeLessThanOrEqual(most[every]);
      }),
      { ...run, numRuns: 600 },
    );
  });
});
