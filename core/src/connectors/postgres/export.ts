import { closeSync, constants, createReadStream, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Engine } from '../../model/component.ts';
import { ident, literal } from '../../model/sql.ts';
import { makeFifo } from '../shared/fifo.ts';

let exports = 0;

/**
 * The rows of a query as CSV bytes: null is nothing, and columns in `quoted` are always in quotes. The engine writes into a
 * FIFO while this reads it, so that rows never become JavaScript values and never lie on disk. Where the consumer stops
 * early the engine's query ends with a broken pipe; where the query fails its error is thrown after the last byte.
 */
export async function* exportCsv(engine: Engine, sql: string, quoted: readonly string[]): AsyncGenerator<Buffer> {
  const path = join(engine.spool, `copy-${process.pid}-${++exports}.csv`);
  const force = quoted.length > 0 ? `, FORCE_QUOTE (${quoted.map((name) => ident(name)).join(', ')})` : '';
  const copy = `COPY (${sql}) TO ${literal(path)} (FORMAT csv, HEADER false, DELIMITER ',', QUOTE '"', ESCAPE '"', NULLSTR '', USE_TMP_FILE false${force})`;
  try {
    if (await makeFifo(path)) yield* throughFifo(engine, copy, path);
    else {
      await engine.run(copy);
      yield* createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
    }
  } finally {
    await rm(path, { force: true });
  }
}

async function* throughFifo(engine: Engine, copy: string, path: string): AsyncGenerator<Buffer> {
  // The read end must not wait for a writer, and must not see an end before there was one: a writing end of our own is
  // held open until the engine is done. The socket reads by events and takes no thread of the pool, which queries need.
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeEnd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const source: Readable = new Socket({ fd: readEnd, readable: true, writable: false });
  const written = engine.run(copy).finally(() => closeSync(writeEnd));
  written.catch(() => undefined);
  try {
    yield* source as AsyncIterable<Buffer>;
    await written;
  } finally {
    source.destroy();
    await written.catch(() => undefined);
  }
}
