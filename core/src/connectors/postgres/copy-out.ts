import type { Duplex } from 'node:stream';
import type pg from 'pg';
import type { PgDb } from './client.ts';

/** The part of the driver's connection that COPY speaks through. */
interface Wire {
  stream: Duplex;
  query(text: string): void;
}

/** The server sends a message for each row; so many bytes are handed on together. */
const CHUNK = 1 << 18;
/** Chunks that wait to be taken before the server is told to wait. */
const WAITING = 4;

/**
 * The bytes of a `COPY … TO STDOUT`; `rows` is known once they came to their end. The server waits while nobody takes them.
 * Throws the server's errors as the driver gives them.
 */
export class CopyOut implements AsyncIterable<Uint8Array> {
  rows = 0;
  readonly #statement: string;
  readonly #chunks: Buffer[] = [];
  #connection: Wire | null = null;
  #current: Buffer = Buffer.allocUnsafe(CHUNK);
  #filled = 0;
  #ended = false;
  #error: unknown = null;
  #wake: () => void = () => undefined;

  constructor(db: PgDb, statement: string) {
    this.#statement = statement;
    db.client.query(this as unknown as pg.Submittable);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        yield chunk;
        continue;
      }
      if (this.#error !== null) throw this.#error;
      if (this.#ended) return;
      const more = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#connection?.stream.resume();
      await more;
    }
  }

  submit(connection: Wire): void {
    this.#connection = connection;
    connection.query(this.#statement);
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    if (this.#filled + chunk.length > this.#current.length) this.#flush(chunk.length);
    chunk.copy(this.#current, this.#filled);
    this.#filled += chunk.length;
  }

  handleCommandComplete(message: { text?: string }): void {
    this.rows = Number(/^COPY (\d+)/.exec(message.text ?? '')?.[1] ?? 0);
  }

  handleReadyForQuery(): void {
    this.#flush(0);
    this.#ended = true;
    this.#wake();
  }

  handleError(error: unknown): void {
    this.#error = error;
    this.#wake();
  }

  #flush(next: number): void {
    if (this.#filled > 0) this.#chunks.push(this.#current.subarray(0, this.#filled));
    this.#current = Buffer.allocUnsafe(Math.max(next, CHUNK));
    this.#filled = 0;
    if (this.#chunks.length > WAITING) this.#connection?.stream.pause();
    this.#wake();
  }
}
