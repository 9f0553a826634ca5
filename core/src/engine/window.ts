import type { EpochCommit } from '../model/component.ts';
import { toDuckType } from '../model/duck.ts';
import { SluiceError } from '../model/error.ts';
import type { Incremental, Stream } from '../model/job.ts';
import type { Checkpoint, RunWindow } from '../model/run.ts';
import { ident, literal } from '../model/sql.ts';
import { type Column, type DataType, formatType } from '../model/type.ts';
import { isFinished, withFinished } from '../schedule/finished.ts';
import type { TimeWindow } from '../schedule/windows.ts';
import { formatClock, offsetAt } from '../schedule/zone.ts';
import type { PlannedColumn, StreamPlan } from './stream-plan.ts';

type WindowRule = Extract<Incremental, { type: 'window' }>;

/** The names, after `columns`, of the columns that select a stream's rows. Throws `cursor/missing` where there is no such one. */
export function selectors(stream: Stream, columns: readonly PlannedColumn[]): Pick<StreamPlan, 'cursor' | 'window'> {
  const { incremental } = stream;
  if (incremental.type !== 'cursor' && incremental.type !== 'window') return { cursor: null, window: null };
  const found = columns.find((c) => c.from === incremental.column);
  if (found) {
    const { name } = found;
    return incremental.type === 'cursor' ? { cursor: name, window: null } : { cursor: null, window: name };
  }
  throw new SluiceError(
    'cursor/missing',
    'config',
    `The source has no column ${incremental.column}, which incremental.column names`,
    {
      where: { stream: stream.name, column: incremental.column },
      hint: `Its columns are: ${columns.flatMap((c) => c.from ?? []).join(', ')}.`,
    },
  );
}

/** A windowed run's window in milliseconds. */
export function timesOf(window: RunWindow): TimeWindow {
  return { start: Date.parse(window.from), end: Date.parse(window.to) };
}

/** Why a windowed stream has nothing to do in this run; null where it has. */
export function idleReason(stream: Stream, window: RunWindow | null, checkpoint: Checkpoint | null): string | null {
  if (stream.incremental.type !== 'window') return null;
  if (window === null) return 'No window of this stream is due';
  if (window.again || !isFinished(checkpoint, timesOf(window))) return null;
  return `The window from ${window.from} to ${window.to} is finished`;
}

/** The checkpoint of a windowed stream once its window is committed. `due`: by its schedule, and not by a backfill. */
export function windowCheckpoint(before: Checkpoint | null, window: RunWindow, due: boolean): Checkpoint {
  return withFinished(before, timesOf(window), due);
}

/**
 * A window's bounds as texts of a column's type. Values without a zone are times on the clock of the schedule's zone, by which
 * windows begin. Throws `window/type` for a type that is no time, or a date where windows are hours.
 */
export function windowBounds(rule: WindowRule, column: Column, window: RunWindow): { from: string; to: string } {
  const clock = (instant: number) => formatClock(instant + offsetAt(rule.timezone, instant));
  const { start, end } = timesOf(window);
  const { kind } = column.type;
  if (kind === 'timestamptz') return { from: window.from, to: window.to };
  if (kind === 'timestamp') return { from: clock(start), to: clock(end) };
  if (kind === 'date' && rule.every !== 'hour') return { from: clock(start).slice(0, 10), to: clock(end).slice(0, 10) };
  const why = kind === 'date' ? 'and a date has no hours' : 'which is no time';
  throw new SluiceError('window/type', 'config', `Column ${column.name} is ${formatType(column.type)}, ${why}`, {
    where: { column: column.name },
    hint: 'Windows want a date, timestamp or timestamptz: declare the column’s type, with its `format`, under `columns`.',
  });
}

/** SQL that is true for the rows of a window. Throws as `windowBounds` does. */
export function windowFilter(rule: WindowRule, column: Column, window: RunWindow): string {
  return between(column, windowBounds(rule, column, window));
}

/** SQL that is true for rows of a backfill of a cursor. */
export function between(column: { name: string; type: DataType }, { from, to }: { from: string; to: string }): string {
  const at = (text: string) => `CAST(${literal(text)} AS ${toDuckType(column.type)})`;
  const name = ident(column.name);
  return `coalesce(${name} >= ${at(from)} AND ${name} < ${at(to)}, false)`;
}

/**
 * The part of the table that a windowed `replace` takes the place of; empty where it takes the place of the whole or of nothing.
 * Throws `window/column` where the rows that are written lack the column, and as `windowBounds` does.
 */
export function replacedPart(
  { incremental, destination, name }: Stream,
  plan: StreamPlan,
  window: RunWindow | null,
): Pick<EpochCommit, 'window'> {
  if (incremental.type !== 'window' || destination.write_disposition !== 'replace' || window === null) return {};
  const entry = plan.contract.find((c) => c.name === plan.window && c.action !== 'drop' && !c.unknown);
  if (entry) return { window: { column: entry.name, ...windowBounds(incremental, entry, window) } };
  throw new SluiceError('window/column', 'config', `The rows that are written have no column ${plan.window}`, {
    where: { stream: name, column: plan.window ?? incremental.column },
    hint: '`replace` finds the rows of a window by it: keep it in the transforms.',
  });
}
