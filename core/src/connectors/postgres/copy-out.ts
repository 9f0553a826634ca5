import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { viewOf } from '../../columnar/column.ts';
import { SluiceError } from '../../model/error.ts';
import { rowTooLarge } from '../shared/columns.ts';
import type { PgDb } from './client.ts';

/** The part of the driver's connection that COPY speaks through. */
interface Wire {
  stream: Duplex;
  query(text: string): void;
}

type Listener = (chunk: Buffer) => void;

/** Who takes the rows of a `COPY … TO STDOUT`. */
export interface RowTaker {
  /** What one message of the server's holds, which is one row. May throw: then no further row is taken. */
  take(view: DataView, from: number, to: number): void;
  /** Whether `flush` is due. */
  readonly full: boolean;
  /** While it runs nothing is taken, and the server waits. */
  flush(): Promise<void>;
}

/** Codes of messages: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const COPY_DATA = 'd'.charCodeAt(0);
const READY_FOR_QUERY = 'Z'.charCodeAt(0);
/** A message's code and its length, which does not count the code. */
const HEAD = 5;

/**
 * Runs a `COPY … TO STDOUT` and hands its rows to a taker; gives their number and bytes. The driver makes several objects of each row,
 * which takes longer than to read it: while the statement runs, the messages with rows are taken out of what the socket gives, and the
 * driver sees the others. Throws the server's errors as the driver gives them, and `source/row-size` for a row of more than `most` bytes.
 */
export function copyOut(
  db: PgDb,
  statement: string,
  taker: RowTaker,
  most: number,
): Promise<{ rows: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    const query = new CopyOut(statement, taker, most, { resolve, reject });
    db.client.query(query as unknown as pg.Submittable);
  });
}

interface Settle {
  resolve: (found: { rows: number; bytes: number }) => void;
  reject: (error: unknown) => void;
}

class CopyOut {
  readonly #statement: string;
  readonly #taker: RowTaker;
  readonly #most: number;
  readonly #settle: Settle;
  #stream: Duplex | null = null;
  /** What the driver listens with. */
  #driver: Listener[] = [];
  #rows = 0;
  #bytes = 0;
  #failed = false;
  #ended = false;
  #flushing: Promise<void> | null = null;
  /** The beginning of a message whose end has not come yet, and its length; 0: not known. */
  #held: Buffer[] = [];
  #heldSize = 0;
  #wanted = 0;

  constructor(statement: string, taker: RowTaker, most: number, settle: Settle) {
    this.#statement = statement;
    this.#taker = taker;
    this.#most = most;
    this.#settle = settle;
  }

  submit(connection: Wire): void {
    const { stream } = connection;
    this.#stream = stream;
    this.#driver = stream.listeners('data') as Listener[];
    stream.removeAllListeners('data');
    stream.on('data', this.#onData);
    connection.query(this.#statement);
  }

  handleCommandComplete(message: { text?: string }): void {
    this.#rows = Number(/^COPY (\d+)/.exec(message.text ?? '')?.[1] ?? 0);
  }

  handleReadyForQuery(): void {
    const found = { rows: this.#rows, bytes: this.#bytes };
    Promise.resolve(this.#flushing).then(() => this.#settle.resolve(found), this.#settle.reject);
  }

  handleError(error: unknown): void {
    this.#failed = true;
    this.#settle.reject(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#messages(chunk);
    } catch (error) {
      this.handleError(error);
    }
    // At the end whoever waits for the rows writes what is left.
    if (!this.#failed && !this.#ended && this.#taker.full) this.#flush();
  };

  #flush(): void {
    this.#stream?.pause();
    this.#flushing = this.#taker.flush().then(() => void this.#stream?.resume());
    this.#flushing.catch((error) => this.handleError(error));
  }

  #messages(chunk: Buffer): void {
    let at = 0;
    let bytes = chunk;
    if (this.#heldSize > 0 && this.#wanted === 0) {
      bytes = Buffer.concat([...this.#held, chunk]);
      this.#forget();
    } else if (this.#wanted > 0) {
      const missing = this.#wanted - this.#heldSize;
      if (chunk.length < missing) {
        this.#hold(chunk);
        return;
      }
      const message = Buffer.concat([...this.#held, chunk.subarray(0, missing)], this.#wanted);
      this.#forget();
      this.#whole(message, 0);
      at = missing;
    }
    at = this.#whole(bytes, at);
    if (at < bytes.length) this.#hold(bytes.subarray(at));
  }

  /** Deals with the messages that are there to their ends; gives the place behind the last of them. */
  #whole(bytes: Buffer, start: number): number {
    const view = viewOf(bytes);
    let at = start;
    while (bytes.length - at >= HEAD) {
      const end = at + 1 + view.getInt32(at + 1);
      if (end > bytes.length) break;
      const code = view.getUint8(at);
      if (code === COPY_DATA) {
        if (!this.#failed) this.#taker.take(view, at + HEAD, end);
        this.#bytes += end - at - HEAD;
      } else if (code === READY_FOR_QUERY) {
        this.#giveBack();
        for (const listen of this.#driver) listen(bytes.subarray(at));
        return bytes.length;
      } else for (const listen of this.#driver) listen(bytes.subarray(at, end));
      at = end;
    }
    return at;
  }

  #giveBack(): void {
    this.#ended = true;
    this.#stream?.off('data', this.#onData);
    for (const listen of this.#driver) this.#stream?.on('data', listen);
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldSize += bytes.length;
    if (this.#wanted > 0 || this.#heldSize < HEAD) return;
    const length = bytes.readInt32BE(1);
    if (length < 4) throw new SluiceError('source/incomplete', 'transient', 'Postgres sent what is no message', {});
    if (length > this.#most && bytes[0] === COPY_DATA) throw rowTooLarge();
    this.#wanted = length + 1;
  }

  #forget(): void {
    this.#held = [];
    this.#heldSize = 0;
    this.#wanted = 0;
  }
}
