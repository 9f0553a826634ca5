import type { ColumnFile } from '../../columnar/file.ts';
import { SluiceError } from '../../model/error.ts';
import { unread } from '../shared/columns.ts';
import type { RowTaker } from './copy-out.ts';
import type { ReadColumn } from './source-types.ts';

/** What COPY's binary format begins with; flags and the length of what follows them come behind it. */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const FLAGS = 4;
const LENGTH = 4;

/** Rows of COPY's binary format (https://www.postgresql.org/docs/current/sql-copy.html) into a file of columns. */
export class BinaryRows implements RowTaker {
  readonly #file: ColumnFile;
  readonly #columns: readonly ReadColumn[];
  #started = false;

  constructor(file: ColumnFile, columns: readonly ReadColumn[]) {
    this.#file = file;
    this.#columns = columns;
  }

  get full(): boolean {
    return this.#file.full;
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  take(view: DataView, from: number, to: number): void {
    let at = this.#started ? from : this.#start(view, from);
    if (at >= to) return;
    const count = view.getInt16(at);
    at += 2;
    // The end has no values.
    if (count === -1) return;
    const columns = this.#columns;
    if (count !== columns.length) throw broken();
    const buffers = this.#file.columns;
    for (let i = 0; i < count; i++) {
      const length = view.getInt32(at);
      at += 4;
      const buffer = buffers[i] as (typeof buffers)[number];
      const column = columns[i] as ReadColumn;
      if (length < 0) buffer.none();
      else if (column.take(buffer, view, at, at + length)) at += length;
      else throw unread(column);
    }
    if (at !== to) throw broken();
  }

  #start(view: DataView, from: number): number {
    this.#started = true;
    if (SIGNATURE.some((byte, i) => view.getUint8(from + i) !== byte)) throw broken();
    const flags = from + SIGNATURE.length;
    return flags + FLAGS + LENGTH + view.getInt32(flags + FLAGS);
  }
}

function broken(): SluiceError {
  return new SluiceError('source/incomplete', 'transient', 'Postgres sent rows that are not those of the statement', {
    hint: 'Run again; `retries` does so by itself.',
  });
}
