import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Split } from '../model/component.ts';
import { openEngine } from './duckdb.ts';
import { ListingMeter, Meter, taskShare } from './meter.ts';
import type { StreamProgress } from './ports.ts';

const split = (bytes: number | null): Split => ({ ordinal: 0, bytes, file: null, detail: {} });

function meter(chunks: Split[][], rowBytes: number | null) {
  const seen: StreamProgress[] = [];
  const made = new Meter('s', chunks, rowBytes, { progress: (_, done) => seen.push(done) });
  return { meter: made, last: () => seen.at(-1) };
}

it('rows are estimated by the bytes read until a task has ended', () => {
  const { meter: m, last } = meter([[split(600), split(400)], [split(1000)]], 10);
  m.at(0, 0.5);
  expect(last()).toEqual({ rows: 50, rowsEstimated: true, bytes: 500, total: 2000, tasksDone: 0, tasks: 2 });
  m.ended(0, 93);
  m.at(0, 0.2);
  expect(last()).toEqual({ rows: 93, rowsEstimated: false, bytes: 1000, total: 2000, tasksDone: 1, tasks: 2 });
  m.at(1, 0.1);
  expect(last()).toMatchObject({ rows: 103, rowsEstimated: true, bytes: 1100 });
  m.ended(1, 90);
  expect(last()).toMatchObject({ rows: 183, rowsEstimated: false, bytes: 2000, tasksDone: 2 });
});

it('what nobody knows the size of has rows once they are there', () => {
  const { meter: m, last } = meter([[split(null)]], 10);
  m.at(0, 0.5);
  expect(last()).toMatchObject({ rows: 0, bytes: 0, total: null });
  m.ended(0, 7);
  expect(last()).toMatchObject({ rows: 7, total: null });
});

it('what comes beside the engine counts as it comes, and what was listed is not taken back', () => {
  const seen: StreamProgress[] = [];
  const ports = { progress: (_: string, done: StreamProgress) => seen.push(done) };
  const listing = new ListingMeter('s', ports);
  listing.came(100, 4);
  expect(seen.at(-1)).toMatchObject({ rows: 4, bytes: 100, tasksDone: 0 });
  listing.came(50, 2);
  const m = new Meter('s', [[split(null)], [split(80)]], null, ports, listing.arrived);
  m.at(0, 0, { bytes: 10, rows: 1 });
  expect(seen.at(-1)).toMatchObject({ rows: 6, bytes: 150 });
  m.at(0, 0, { bytes: 300, rows: 9 });
  m.at(1, 0, { bytes: 900, rows: 0 });
  expect(seen.at(-1)).toMatchObject({ rows: 9, bytes: 380 });
  m.ended(0, 3);
  m.ended(1, 1);
  // What really was read counts in the end.
  expect(seen.at(-1)).toMatchObject({ rows: 4 });
});

it('a share never falls: by the query, or by the bytes that a format read before it', () => {
  const engine = { bytesRead: 0, now: null as number | null, progress: () => engine.now };
  const share = taskShare(engine, 100);
  const at = (bytesRead: number, now: number | null) => {
    Object.assign(engine, { bytesRead, now });
    return share();
  };
  expect([at(0, null), at(40, null), at(40, 0.1), at(40, 0.7), at(300, null)]).toEqual([0, 0.4, 0.4, 0.7, 1]);
});

it('the engine tells how far an INSERT is', async () => {
  const spool = await mkdtemp(join(tmpdir(), 'sluice-meter-'));
  const engine = await openEngine({ spool, threads: 1, memory: 500_000_000 });
  try {
    expect(engine.progress()).toBeNull();
    await engine.run('CREATE TABLE s AS SELECT a FROM range(5000000) r(a)');
    await engine.run('CREATE TABLE t (a BIGINT)');
    const work = engine.run('INSERT INTO t SELECT list_sum(range(a % 1000 + 5000)) FROM s');
    let seen: number | null = null;
    // It would take minutes: it is stopped once it has told something.
    while (seen === null || seen === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      seen = engine.progress();
    }
    expect(seen).toBeGreaterThan(0);
    engine.interrupt();
    await expect(work).rejects.toThrow(/interrupt/i);
  } finally {
    engine.close();
    await rm(spool, { recursive: true, force: true });
  }
});
