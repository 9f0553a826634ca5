import { appendFileSync } from 'node:fs';
import { messageOf, SluiceError, type SluiceErrorJson } from '@sluice/core';
import type { RunEvent, RunResult, StreamResult } from '../executor/api.ts';

/** What follows the last event of a run, or stands alone where no run came about. */
export interface RunEnded {
  type: 'ended';
  /** null where no run came about. */
  run_id: string | null;
  status: RunResult['status'];
  /** 0 where no run came about. */
  duration_ms: number;
  /** Each with its counts and its error. */
  streams: StreamResult[];
  error: SluiceErrorJson | null;
}

/** Stands before the events of a window's run. */
export interface WindowBegun {
  type: 'window';
  /** ISO 8601; `to` is left out of it. */
  from: string;
  to: string;
  /** Which one it is of those that this command runs, from 1. */
  number: number;
  of: number;
}

type Told = RunEvent | RunEnded | WindowBegun;

/** A line of the file that `--events` names: what happened, when (ISO 8601), in which job. */
export type EventLine = { time: string; job: string } & Told;

export type WriteEvent = (job: string, event: Told) => void;

/**
 * Appends what happens in runs to a file, a line of JSON each, as programs follow it: editors show progress and errors by it. No
 * path: nothing is written. The function throws `events/file` where the file cannot be written to.
 */
export function eventLog(path: string | undefined): WriteEvent {
  if (path === undefined) return () => undefined;
  return (job, event) => {
    const line: EventLine = { time: new Date().toISOString(), job, ...event };
    try {
      appendFileSync(path, `${JSON.stringify(line)}\n`);
    } catch (error) {
      throw new SluiceError('events/file', 'config', `The file of --events cannot be written: ${messageOf(error)}`, {
        where: { path },
        hint: 'Name a file in a folder that is there and may be written to.',
      });
    }
  };
}

export function runEnded({ run_id, status, duration_ms, streams, error }: RunResult): RunEnded {
  return { type: 'ended', run_id, status, duration_ms, streams, error };
}

export function notStarted(status: 'failed' | 'cancelled', error: SluiceErrorJson): RunEnded {
  return { type: 'ended', run_id: null, status, duration_ms: 0, streams: [], error };
}
