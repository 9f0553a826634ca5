import type { EventEmitter } from 'node:events';
import type { Connection } from 'mysql2';
import { viewOf } from '../../columnar/column.ts';
import type { ColumnFile } from '../../columnar/file.ts';
import { rowTooLarge, unread } from '../shared/columns.ts';
import type { ReadColumn } from './source-types.ts';

/** A message of the server's, as the driver hands it on. */
interface Packet {
  buffer: Buffer;
  offset: number;
  end: number;
  isEOF(): boolean;
}

/** What the driver does with each message that comes while rows are expected; it gives what to do with the next. */
type Step = (this: Command, packet: Packet, connection: unknown) => unknown;
interface Command extends EventEmitter {
  row: Step;
}

export interface Statement {
  sql: string;
  values: unknown[];
}

/** Lengths of values: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html */
const NULL = 0xfb;
const TWO_BYTES = 0xfc;
const THREE_BYTES = 0xfd;

/** Rows of the text protocol into a file of columns. */
export class TextRows {
  /** Dates that are none, by column. */
  readonly zeros = new Map<string, number>();
  bytes = 0;
  readonly file: ColumnFile;
  readonly #columns: readonly ReadColumn[];
  readonly #counters: (() => void)[];
  #buffer: Buffer | null = null;
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(file: ColumnFile, columns: readonly ReadColumn[]) {
    this.file = file;
    this.#columns = columns;
    this.#counters = columns.map(
      ({ name }) =>
        () =>
          void this.zeros.set(name, (this.zeros.get(name) ?? 0) + 1),
    );
  }

  take({ buffer, offset, end }: Packet): void {
    if (this.#buffer !== buffer) {
      this.#buffer = buffer;
      this.#view = viewOf(buffer);
    }
    const view = this.#view;
    this.bytes += end - offset;
    let at = offset;
    for (let i = 0; i < this.#columns.length; i++) {
      const target = this.file.columns[i] as ColumnFile['columns'][number];
      let length = view.getUint8(at++);
      if (length === NULL) {
        target.none();
        continue;
      }
      if (length === TWO_BYTES) {
        length = view.getUint16(at, true);
        at += 2;
      } else if (length === THREE_BYTES) {
        length = view.getUint16(at, true) + view.getUint8(at + 2) * 0x1_0000;
        at += 3;
      } else if (length > THREE_BYTES) {
        length = view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
        at += 8;
      }
      const column = this.#columns[i] as ReadColumn;
      if (!column.take(target, view, at, at + length, this.#counters[i] as () => void)) throw unread(column);
      at += length;
    }
  }
}

/**
 * Runs a statement and hands its rows on as they lie in the server's messages: the driver would make a value of each. The server waits
 * while the file is written. Throws the driver's errors, those of `rows`, the signal's reason, and `source/row-size` for a row of more
 * than `most` bytes.
 */
export function readRows(
  core: Connection,
  statement: Statement,
  rows: TextRows,
  { most, signal }: { most: number; signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const command = core.query(statement) as unknown as Command;
    const { row } = command;
    let failed = false;
    const release = () => {
      core.off('error', fail);
      signal.removeEventListener('abort', abort);
    };
    const fail = (error: unknown) => {
      failed = true;
      release();
      reject(error);
    };
    const abort = () => fail(signal.reason);
    // Of a lost connection the driver tells the connection, and of one that is closed nobody.
    core.on('error', fail);
    signal.addEventListener('abort', abort);
    command.on('error', fail);
    command.on('end', () => {
      release();
      resolve();
    });
    const write = () => {
      core.pause();
      rows.file.flush().then(() => core.resume(), fail);
    };
    command.row = function next(packet, connection) {
      if (packet.isEOF()) return row.call(command, packet, connection);
      try {
        if (packet.end - packet.offset > most) throw rowTooLarge();
        if (!failed) rows.take(packet);
      } catch (error) {
        fail(error);
      }
      if (!failed && rows.file.full) write();
      return next;
    };
  });
}
