import type { Split } from '../model/component.ts';
import type { OwnedEngine } from './duckdb.ts';
import type { EpochPorts } from './ports.ts';
import { totalBytes } from './splits.ts';

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

/** Sums up how far the tasks of a stream are; rows are estimated from the sample until a task has ended and knows its own. */
export class Meter {
  readonly #stream: string;
  readonly #ports: Pick<EpochPorts, 'progress'>;
  readonly #rowBytes: number | null;
  readonly #tasks: { bytes: number | null; share: number; rows: number | null }[];

  constructor(
    stream: string,
    chunks: readonly (readonly Split[])[],
    rowBytes: number | null,
    ports: Pick<EpochPorts, 'progress'>,
  ) {
    this.#stream = stream;
    this.#ports = ports;
    this.#rowBytes = rowBytes;
    this.#tasks = chunks.map((chunk) => ({ bytes: totalBytes(chunk), share: 0, rows: null }));
  }

  at(task: number, share: number): void {
    const found = this.#tasks[task];
    if (!found || found.rows !== null) return;
    found.share = Math.max(found.share, share);
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
      bytes += read;
      if (task.rows !== null) rows += task.rows;
      else if (this.#rowBytes !== null && read > 0) {
        rows += read / this.#rowBytes;
        estimated = true;
      }
    }
    const known = this.#tasks.every((task) => task.bytes !== null);
    this.#ports.progress(this.#stream, {
      rows: Math.round(rows),
      rowsEstimated: estimated,
      bytes: Math.round(bytes),
      total: known ? this.#tasks.reduce((sum, task) => sum + (task.bytes ?? 0), 0) : null,
      tasksDone: this.#tasks.filter((task) => task.rows !== null).length,
      tasks: this.#tasks.length,
    });
  }
}
