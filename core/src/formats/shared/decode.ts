import { codePage } from './code-pages.ts';

/** What bytes that stand for no character become: a byte that no UTF-8 holds, so that the row which has it is found to be bad. */
const BAD = 0xff;
const BAD_TEXT = Buffer.from([BAD]);
const MULTIBYTE: ReadonlySet<string> = new Set(['shift_jis', 'euc-jp', 'gbk', 'gb18030', 'big5', 'euc-kr']);

/** Turns bytes of an encoding into UTF-8, chunk by chunk; characters may lie across chunks. */
export interface ToUtf8 {
  push(chunk: Buffer, last: boolean): Buffer;
}

/** Bytes that stand for no character become 0xFF. `encoding` is one of the specs' names, with UTF-16's byte order decided. */
export function toUtf8(encoding: string): ToUtf8 {
  if (encoding === 'utf-8') return { push: (chunk) => chunk };
  if (encoding === 'utf-16le' || encoding === 'utf-16be') return new Wide(encoding === 'utf-16be');
  if (MULTIBYTE.has(encoding)) return new Streamed(encoding);
  return new Paged(encoding);
}

class Paged implements ToUtf8 {
  /** Up to three bytes for each byte, the number of them in the fourth. */
  readonly #table = new Uint8Array(256 * 4);

  constructor(encoding: string) {
    for (const [byte, character] of codePage(encoding).entries()) {
      const bytes = character === null ? BAD_TEXT : Buffer.from(character);
      this.#table.set(bytes, byte * 4);
      this.#table[byte * 4 + 3] = bytes.length;
    }
  }

  push(chunk: Buffer): Buffer {
    const table = this.#table;
    const out = Buffer.allocUnsafe(chunk.length * 3);
    let size = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (byte < 0x80) {
        out[size++] = byte;
        continue;
      }
      const place = byte * 4;
      const end = place + (table[place + 3] as number);
      for (let at = place; at < end; at++) out[size++] = table[at] as number;
    }
    return out.subarray(0, size);
  }
}

/** Halves of a pair that stand alone. */
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

class Wide implements ToUtf8 {
  readonly #swap: boolean;
  #rest: Buffer = Buffer.alloc(0);

  constructor(swap: boolean) {
    this.#swap = swap;
  }

  push(chunk: Buffer, last: boolean): Buffer {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let end = bytes.length - (bytes.length % 2);
    const high = bytes[end - (this.#swap ? 2 : 1)];
    // The first half of a pair waits for the second.
    if (!last && end > 0 && high !== undefined && (high & 0xfc) === 0xd8) end -= 2;
    this.#rest = Buffer.from(bytes.subarray(end));
    const units = this.#swap ? Buffer.from(bytes.subarray(0, end)).swap16() : bytes.subarray(0, end);
    const text = marked(units.toString('utf16le'), LONE);
    return last && this.#rest.length > 0 ? Buffer.concat([text, BAD_TEXT]) : text;
  }
}

class Streamed implements ToUtf8 {
  readonly #decoder: InstanceType<typeof TextDecoder>;

  constructor(encoding: string) {
    this.#decoder = new TextDecoder(encoding, { ignoreBOM: true });
  }

  push(chunk: Buffer, last: boolean): Buffer {
    return marked(this.#decoder.decode(chunk, { stream: !last }), /\ufffd/);
  }
}

/** A text as UTF-8 with the bad byte for what the pattern finds. */
function marked(text: string, bad: RegExp): Buffer {
  if (!bad.test(text)) return Buffer.from(text);
  return Buffer.concat(
    text.split(bad).flatMap((part, i) => (i === 0 ? [Buffer.from(part)] : [BAD_TEXT, Buffer.from(part)])),
  );
}
