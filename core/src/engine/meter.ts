import type { Split } from '../model/component.ts';
import type { OwnedEngine } from './duckdb.ts';
import type { EpochPorts } from './ports.ts';
import { totalBytes } from './splits.ts';
import type { Arrived } from './task-types.ts';

/**
 * How far a task is, 0 to 1: of the query that runs, or of the bytes that a format reads by itself before it. Never falls,
 * because what a task does after its reading is little beside it.
 */
export function taskShare(engine: Pick<OwnedEngine, 'progress' | 'bytesRead'>, bytes: number | null): () => number {
  let most = 0;
  return () => {
    const query = engine.progress();
    const read = bytes !== null && bytes > 0 ? Math.min(1, engine.bytesRead / bytes) : 0;
    most = Math.max(most, query ?? 0, read);
    return most;
  };
}

const TELL_MS = 250;

/** Tells of what comes while a source lists, for those that read as they do. */
export class ListingMeter {
  readonly arrived: Arrived = { bytes: 0, rows: 0 };
  readonly came: (bytes: number, rows: number) => void;
  #told = 0;

  constructor(stream: string, ports: Pick<EpochPorts, 'progress'>) {
    this.came = (bytes, rows) => {
      this.arrived.bytes += bytes;
      this.arrived.rows += rows;
      const now = Date.now();
      if (now - this.#told < TELL_MS) return;
      this.#told = now;
      const { arrived } = this;
      const rest = { rowsEstimated: false, total: null, tasksDone: 0, tasks: 1 };
      ports.progress(stream, { rows: arrived.rows, bytes: arrived.bytes, ...rest });
    };
  }
}

/** Sums up how far the tasks of a stream are; rows are estimated from the sample until a task has ended and knows its own. */
export class Meter {
  readonly #stream: string;
  readonly #ports: Pick<EpochPorts, 'progress'>;
  readonly #rowBytes: number | null;
  readonly #tasks: { bytes: number | null; share: number; rows: number | null; arrived: Arrived }[];
  readonly #listed: Arrived;

  constructor(
    stream: string,
    chunks: readonly (readonly Split[])[],
    rowBytes: number | null,
    ports: Pick<EpochPorts, 'progress'>,
    /** What came before the tasks, which read it again: the figures do not fall below it. */
    listed: Arrived = { bytes: 0, rows: 0 },
  ) {
    this.#listed = listed;
    this.#stream = stream;
    this.#ports = ports;
    this.#rowBytes = rowBytes;
    this.#tasks = chunks.map((chunk) => ({
      ...{ bytes: totalBytes(chunk), share: 0, rows: null },
      arrived: { bytes: 0, rows: 0 },
    }));
  }

  at(task: number, share: number, arrived?: Arrived): void {
    const found = this.#tasks[task];
    if (!found || found.rows !== null) return;
    found.share = Math.max(found.share, share);
    if (arrived) found.arrived = arrived;
    this.#report();
  }

  /** A task has read all it had to; `rows`: how many. */
  ended(task: number, rows: number): void {
    const found = this.#tasks[task];
    if (!found) return;
    found.share = 1;
    found.rows = rows;
    this.#report();
  }

  #report(): void {
    let bytes = 0;
    let rows = 0;
    let estimated = false;
    for (const task of this.#tasks) {
      const read = (task.bytes ?? 0) * task.share;
      bytes += Math.max(read, Math.min(task.arrived.bytes, task.bytes ?? Number.POSITIVE_INFINITY));
      if (task.rows !== null) rows += task.rows;
      else if (task.arrived.rows > 0) rows += task.arrived.rows;
      else if (this.#rowBytes !== null && read > 0) {
        rows += read / this.#rowBytes;
        estimated = true;
      }
    }
    const ended = this.#tasks.every((task) => task.rows !== null);
    const known = this.#tasks.every((task) => task.bytes !== null);
    this.#ports.progress(this.#stream, {
      rows: Math.max(ended ? 0 : this.#listed.rows, Math.round(rows)),
      rowsEstimated: estimated && rows > this.#listed.rows,
      bytes: Math.max(this.#listed.bytes, Math.round(bytes)),
      total: known ? this.#tasks.reduce((sum, task) => sum + (task.bytes ?? 0), 0) : null,
      tasksDone: this.#tasks.filter((task) => task.rows !== null).length,
      tasks: this.#tasks.length,
    });
  }
}
