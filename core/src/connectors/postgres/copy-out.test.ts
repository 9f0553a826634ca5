import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import type { PgDb } from './client.ts';
import { copyOut } from './copy-out.ts';

/** The messages of a COPY reach who they are for, wherever the network cuts them. */

class Stream extends EventEmitter {
  paused = false;
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
    this.emit('resumed');
  }
}

function message(code: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body as string);
  const head = Buffer.alloc(5);
  head.write(code);
  head.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

interface Query {
  submit(connection: object): void;
  handleCommandComplete(message: object): void;
  handleReadyForQuery(): void;
}

/** A driver that listens as pg does, and tells a query of its end. */
function session(seen: string[]) {
  const stream = new Stream();
  let query: Query | null = null;
  stream.on('data', (bytes: Buffer) => {
    seen.push(bytes.toString('latin1', 0, 1));
    if (bytes[0] === 67) query?.handleCommandComplete({ text: bytes.toString('latin1', 5, bytes.length - 1) });
    if (bytes[0] === 90) query?.handleReadyForQuery();
  });
  const db = {
    client: {
      query(given: Query) {
        query = given;
        given.submit({ stream, query: () => undefined });
      },
    },
  } as unknown as PgDb;
  return { stream, db };
}

const ROWS = ['a', 'bcd', 'e'.repeat(300), ''];
const SENT = Buffer.concat([
  message('H', 'head'),
  ...ROWS.slice(0, 2).map((row) => message('d', row)),
  message('N', 'a notice'),
  ...ROWS.slice(2).map((row) => message('d', row)),
  message('c', ''),
  message('C', 'COPY 4\0'),
  message('Z', 'T'),
]);

async function taken(cuts: readonly number[], most = 1_000_000) {
  const seen: string[] = [];
  const rows: string[] = [];
  const { stream, db } = session(seen);
  let waiting = 0;
  let flushes = 0;
  const taker = {
    take: (view: DataView, from: number, to: number) => {
      rows.push(Buffer.from(view.buffer, view.byteOffset + from, to - from).toString());
      waiting++;
    },
    get full() {
      return waiting >= 2;
    },
    flush: async () => {
      waiting = 0;
      flushes++;
      expect(stream.paused).toBe(true);
    },
  };
  const result = copyOut(db, 'COPY …', taker, most);
  result.catch(() => undefined);
  let at = 0;
  for (const to of [...cuts, SENT.length].map((cut) => Math.min(cut, SENT.length))) {
    if (stream.paused) await new Promise((resolve) => stream.once('resumed', resolve));
    if (to > at) stream.emit('data', Buffer.from(SENT.subarray(at, to)));
    at = Math.max(at, to);
  }
  return { seen, rows, found: await result, listeners: stream.listenerCount('data'), flushes };
}

it('gives rows to the taker and the rest to the driver, cut anywhere', async () => {
  const whole = { seen: ['H', 'N', 'c', 'C', 'Z'], rows: ROWS, found: { rows: 4, bytes: 304 }, listeners: 1 };
  // Nothing is written behind the end, where the caller does it.
  expect(await taken([])).toEqual({ ...whole, flushes: 0 });
  for (let cut = 1; cut < SENT.length; cut++) expect(await taken([cut, cut + 2, cut + 9])).toMatchObject(whole);
  expect(await taken(Array.from(SENT, (_, i) => i))).toEqual({ ...whole, flushes: 2 });
});

it('refuses a row that is larger than it may be', async () => {
  await expect(taken([SENT.length - 100], 200)).rejects.toMatchObject({ code: 'source/row-size' });
});
