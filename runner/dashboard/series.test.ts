import { describe, expect, it } from 'vitest';
import type { RunFacts, Sample } from './protocol.ts';
import { bytesPerSecond, heard, lineOf, NOTHING, WINDOW_MS } from './series.ts';
import { bytesText, countText, durationText, momentText, peakText, totals } from './words.ts';

const NONE = { rows: null, rowsPerSecond: null, bytes: null, rejected: null, memory: null, workers: null };
const at = (seconds: number, more: Partial<Sample> = {}): Sample => ({ ...NONE, at: seconds * 1000, ...more });

describe('lines of charts', () => {
  it('have a gap where a figure is not known, never a zero', () => {
    const samples = [at(1, { workers: 2 }), at(2), at(3, { workers: 0 })];
    expect(lineOf(samples, ({ workers }) => workers)).toEqual([
      [1, 2, 3],
      [2, null, 0],
    ]);
  });

  it('have a gap where nothing was measured for a while, and no speed across it', () => {
    const samples = [at(1, { bytes: 0 }), at(2, { bytes: 500 }), at(60, { bytes: 9000 }), at(62, { bytes: 9100 })];
    expect(lineOf(samples, bytesPerSecond)).toEqual([
      [1, 2, 2.001, 60, 62],
      [null, 500, null, null, 50],
    ]);
  });

  it('know no speed where a new attempt counts anew, and none between samples that do not know', () => {
    expect(bytesPerSecond(at(2, { bytes: 10 }), at(1, { bytes: 500 }))).toBeNull();
    expect(bytesPerSecond(at(2), at(1, { bytes: 500 }))).toBeNull();
    expect(bytesPerSecond(at(2, { bytes: 5 }), null)).toBeNull();
    expect(bytesPerSecond(at(1, { bytes: 5 }), at(1, { bytes: 5 }))).toBeNull();
  });
});

describe('what the panel knows', () => {
  const told = (run: string, samples: Sample[], whole = false) => ({ type: 'samples', run, samples, whole }) as const;

  it('goes on behind what it has, and begins anew with another run or when it is told everything', () => {
    const first = heard(heard(NOTHING, told('a', [at(1)])), told('a', [at(2)]));
    expect(first.samples.map((one) => one.at)).toEqual([1000, 2000]);
    expect(heard(first, told('b', [at(3)])).samples.map((one) => one.at)).toEqual([3000]);
    expect(heard(first, told('a', [at(2)], true)).samples.map((one) => one.at)).toEqual([2000]);
    expect(heard(first, told('b', []))).toMatchObject({ run: 'b', samples: [] });
  });

  it('forgets what the charts do not show any more', () => {
    const late = WINDOW_MS / 1000 + 2;
    const { samples } = heard(heard(NOTHING, told('a', [at(1), at(2)])), told('a', [at(late)]));
    expect(samples.map((one) => one.at / 1000)).toEqual([2, late]);
  });

  it('keeps what it showed while the daemon is away', () => {
    const before = heard(NOTHING, told('a', [at(1)]));
    const away = heard(before, { type: 'reach', reached: false, why: 'fetch failed' });
    expect(away).toEqual({ ...before, reach: { reached: false, why: 'fetch failed' } });
  });
});

describe('words', () => {
  const run: RunFacts = {
    ...{ id: 'a', status: 'running', kind: 'manual', createdAt: '2026-01-01T00:00:00Z', error: null },
    ...{ startedAt: '2026-01-01T00:00:00Z', finishedAt: null },
    ...{ rows: null, written: null, rejected: null, bytes: null },
  };

  it('say what is not known', () => {
    expect([countText(null), bytesText(null), durationText(null, null)]).toEqual(Array(3).fill('not known'));
    expect([countText(0), bytesText(0)]).toEqual(['0', '0 B']);
    expect(Object.fromEntries(totals(run, undefined))['rows rejected']).toBe('not known');
  });

  it('say the peak of a line with gaps, and nothing of one that is all gaps', () => {
    expect(
      peakText(
        [
          [1, 2, 3, 4],
          [null, 2000, null, 7],
        ],
        countText,
      ),
    ).toBe('peak 2,000');
    expect(peakText([[1], [null]], countText)).toBe('not known');
  });

  it('leave out the day of what was today', () => {
    const at = new Date(2026, 0, 2, 3, 4, 5);
    expect(momentText(at, new Date(2026, 0, 2, 23))).toBe('03:04:05');
    expect(momentText(at, new Date(2026, 0, 3))).toBe('2026-01-02 03:04:05');
  });

  it('take the counts of a run that is over before those of its last sample', () => {
    const last = at(Date.parse('2026-01-01T00:01:05Z') / 1000, { rows: 1200, bytes: 2500 });
    expect(totals(run, last)).toEqual([
      ['rows read', '1,200'],
      ['rows written', 'not known'],
      ['rows rejected', 'not known'],
      ['bytes read', '2.5 kB'],
      ['running for', '1 min 5 s'],
    ]);
    const counts = { rows: 1300, written: 1299, rejected: 1, bytes: 3_000_000 };
    expect(totals({ ...run, ...counts, finishedAt: '2026-01-01T02:03:00Z' }, last).map(([, text]) => text)).toEqual([
      ...['1,300', '1,299', '1', '3.0 MB', '2 h 3 min'],
    ]);
  });
});
