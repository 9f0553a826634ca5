import type { Checkpoint, Counts, JsonObject, RunWindow, SluiceErrorJson } from '@sluice/core';
import type { RunResult, StreamResult } from '../executor/api.ts';
import { count, duration, padEnd, plural, printableLine, type Style } from './terminal.ts';

/** What `run --json` ends with: one line for each job. */
export interface RunLine extends Counts {
  /** null where no run came about. */
  run_id: string | null;
  job: string;
  status: 'succeeded' | 'failed' | 'cancelled';
  duration_ms: number;
  destination: string;
  /** Of the job's stream; null where it has several: each one's is under `streams`. */
  checkpoint: Checkpoint | null;
  streams: JsonObject[];
  error: { code: string; kind: string; message: string } | null;
}

export function runLine(result: RunResult): RunLine {
  const { run_id, job, status, counts, duration_ms, destination, streams, error } = result;
  const [only] = streams;
  return {
    run_id,
    job,
    status,
    ...counts,
    duration_ms,
    destination,
    checkpoint: streams.length === 1 && only ? only.checkpoint : null,
    streams: streams.map((stream) => streamLine(stream)),
    error: shortError(error),
  };
}

/** A result for a job of which no run came about. */
export function notRun(job: string, status: 'failed' | 'cancelled', error: SluiceErrorJson, zero: Counts): RunLine {
  return {
    run_id: null,
    job,
    status,
    ...zero,
    duration_ms: 0,
    destination: '',
    checkpoint: null,
    streams: [],
    error: shortError(error),
  };
}

/** A result for a windowed job that has no window to run. */
export function nothingDue(job: string, zero: Counts): RunLine {
  const common = { run_id: null, job, ...zero, duration_ms: 0, destination: '', checkpoint: null, streams: [] };
  return { ...common, status: 'succeeded', error: null };
}

/** A window as people read it. */
export function windowText({ from, to }: RunWindow): string {
  return `${from} to ${to}`;
}

function streamLine({ stream, status, counts, destination, checkpoint, error }: StreamResult): JsonObject {
  const failure = error === null ? null : { ...error, where: { ...error.where } };
  return { stream, status, ...counts, destination, checkpoint, error: failure as JsonObject | null };
}

function shortError(error: SluiceErrorJson | null): RunLine['error'] {
  return error === null ? null : { code: error.code, kind: error.kind, message: error.message };
}

/** A run as people read it: one line for each stream. */
export function runText(result: RunResult, style: Style): string {
  const lines = result.streams.map((stream) => {
    const name = stream.stream === result.job ? result.job : `${result.job}/${stream.stream}`;
    return `${padEnd(name, 24)} ${status(stream.status, style)}  ${outcome(stream)}`;
  });
  if (lines.length === 0) lines.push(`${padEnd(result.job, 24)} ${status(result.status, style)}`);
  lines[lines.length - 1] += style.dim(`  ${duration(result.duration_ms)}`);
  return lines.join('\n');
}

function status(text: StreamResult['status'], style: Style): string {
  const padded = padEnd(text === 'skipped' ? 'succeeded' : text, 9);
  if (text === 'succeeded' || text === 'skipped') return style.green(padded);
  return text === 'failed' ? style.red(padded) : style.yellow(padded);
}

function outcome({ status, counts, destination }: StreamResult): string {
  if (status === 'skipped') return 'nothing new to load';
  if (status !== 'succeeded') return `nothing written to ${printableLine(destination)}`;
  const parts = [`${plural(counts.rows_written, 'row')} written to ${printableLine(destination)}`];
  const also: [number | undefined, string][] = [
    [counts.rows_inserted === counts.rows_written ? 0 : counts.rows_inserted, 'inserted'],
    [counts.rows_updated, 'updated'],
    [counts.rows_deleted, 'deleted'],
    [counts.rows_filtered, 'filtered'],
    [counts.rows_rejected, 'rejected'],
    [counts.rows_quarantined, 'quarantined'],
  ];
  for (const [n, what] of also) if (n) parts.push(`${count(n)} ${what}`);
  return parts.join(', ');
}
