import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { bomLength } from '../shared/sample.ts';
import { lineStart } from '../shared/text.ts';
import { type JsonFile, placeIn } from './encoding.ts';
import { Fields, Scanner } from './tokens.ts';
import { Walker } from './walk.ts';

export type Layout = 'array' | 'ndjson';

export interface Fault {
  code: 'format/json' | 'format/encoding' | 'format/columns';
  reason: string;
}

/** The record that is being visited. One object serves all records of a file. */
export interface JsonRecord {
  bytes: Buffer;
  from: number;
  to: number;
  /** Physical line and place in the file of its first byte. */
  line: number;
  start: number;
  fault: Fault | null;
  /** Filled where there is no fault. */
  fields: Fields;
}

export interface Reading {
  layout: Layout;
  /** Names that lead to the list of records. */
  path: readonly string[];
}

const CHUNK = 1024 * 1024;
/** Bytes of one line, or of one element of a list. */
const MAX_RECORD = 128 * CHUNK;
const LF = 10;

const NOT_UTF8: Fault = { code: 'format/encoding', reason: 'it holds bytes that are no UTF-8' };

/**
 * Visits the records of a file, or of a piece of one, until `visit` gives false; `between` runs after each chunk. Blank lines are no records. Throws
 * `format/json` where a document is broken, which hides all records behind that place.
 */
export async function visitRecords(
  file: LocalFile,
  reading: Reading,
  visit: (record: JsonRecord) => boolean,
  between: (count: number) => Promise<void> = async () => {},
  linesBefore = 0,
): Promise<void> {
  const reader = reading.layout === 'array' ? new ArrayReader(file, reading.path) : new LineReader(file, reading.path);
  const handle = await open(file.path, 'r').catch((cause: unknown) => {
    throw new SluiceError('format/unreadable', 'transient', `${file.name} cannot be read: ${String(cause)}`, {
      where: { path: file.name },
      cause,
    });
  });
  try {
    const [from, to] = file.range ?? [0, Number.POSITIVE_INFINITY];
    const start = await lineStart(handle, from);
    const stop = await lineStart(handle, to);
    if (start > 0) reader.begin(start, linesBefore + 1);
    for (let at = start, more = true; more; ) {
      const size = Math.max(0, Math.min(CHUNK, stop - at));
      const buffer = Buffer.allocUnsafe(size);
      const { bytesRead } = await handle.read(buffer, 0, size, at);
      let bytes = buffer.subarray(0, bytesRead);
      if (at === 0) {
        const bom = bomLength(bytes);
        reader.begin(bom);
        bytes = bytes.subarray(bom);
      }
      at += bytesRead;
      more = reader.push(bytes, bytesRead === 0, visit) && bytesRead > 0;
      await between(bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Lines, and those of them that hold a record, before a piece of a file of lines. */
export async function countBefore(file: LocalFile): Promise<{ lines: number; records: number }> {
  const before = { lines: 0, records: 0 };
  if (!file.range || file.range[0] === 0) return before;
  const handle = await open(file.path, 'r');
  try {
    const stop = await lineStart(handle, file.range[0]);
    let blank = true;
    for (let at = 0; at < stop; ) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK), 0, Math.min(CHUNK, stop - at), at);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      let from = at === 0 ? bomLength(bytes) : 0;
      for (let end = bytes.indexOf(LF, from); end >= 0; end = bytes.indexOf(LF, from)) {
        before.lines++;
        if (!(blank && isBlank(bytes, from, end))) before.records++;
        blank = true;
        from = end + 1;
      }
      blank &&= isBlank(bytes, from, bytes.length);
      at += bytesRead;
    }
    return before;
  } finally {
    await handle.close();
  }
}

/** Keeps what is not done with, and counts bytes and lines. */
abstract class PieceReader {
  protected readonly file: JsonFile;
  protected readonly fields = new Fields();
  protected readonly record: JsonRecord;
  #pending: Buffer = Buffer.alloc(0);
  #offset = 0;
  #line = 1;
  /** Bytes of the pieces whose lines were counted. */
  #counted = 0;
  #wait = 0;

  constructor(file: LocalFile) {
    this.file = file;
    this.record = { bytes: this.#pending, from: 0, to: 0, line: 1, start: 0, fault: null, fields: this.fields };
  }

  begin(offset: number, line = 1): void {
    this.#offset = offset;
    this.#line = line;
  }

  /** Gives false where `visit` ended it. */
  push(chunk: Buffer, last: boolean, visit: (record: JsonRecord) => boolean): boolean {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    // What is begun is read again from its first byte, so it waits until twice the bytes are there.
    if (!last && this.#pending.length < this.#wait) return true;
    const bytes = this.#pending;
    this.record.bytes = bytes;
    const valid = isUtf8(bytes);
    let going = true;
    const done = this.read(bytes, last, (from, to, fault) => {
      this.#place(from, to, fault ?? (valid || isUtf8(bytes.subarray(from, to)) ? null : NOT_UTF8));
      going = visit(this.record);
      return going;
    });
    if (!going) return false;
    this.lineAt(done);
    this.#pending = bytes.subarray(done);
    this.#offset += done;
    this.#counted = 0;
    this.#wait = this.#pending.length * 2;
    if (this.#pending.length > MAX_RECORD) throw this.error(0, `a record is longer than ${MAX_RECORD} bytes`);
    return true;
  }

  #place(from: number, to: number, fault: Fault | null): void {
    const { record } = this;
    record.from = from;
    record.to = to;
    record.line = this.lineAt(from);
    record.start = this.#offset + from;
    record.fault = fault;
  }

  /** The line of a place that is not before the ones that were asked for. */
  protected lineAt(place: number): number {
    const bytes = this.#pending;
    for (let at = bytes.indexOf(LF, this.#counted); at >= 0 && at < place; at = bytes.indexOf(LF, at + 1)) this.#line++;
    this.#counted = Math.max(this.#counted, place);
    return this.#line;
  }

  protected error(at: number, reason: string): SluiceError {
    const line = this.lineAt(at);
    return new SluiceError('format/json', 'data', `${this.file.name}, line ${line}: ${reason}`, {
      where: { path: this.file.name, line, ...placeIn(this.file, this.#offset + at) },
      hint: 'Correct the file. Where it holds one record per line write `layout: ndjson`; where the records stand deeper, `records` with the path to them.',
    });
  }

  /** Gives how many bytes are done with. */
  protected abstract read(
    bytes: Buffer,
    last: boolean,
    take: (from: number, to: number, fault: Fault | null) => boolean,
  ): number;
}

class ArrayReader extends PieceReader {
  readonly #walker: Walker;
  #blank = true;

  constructor(file: LocalFile, path: readonly string[]) {
    super(file);
    this.#walker = new Walker(path, this.fields);
  }

  protected read(
    bytes: Buffer,
    last: boolean,
    take: (from: number, to: number, fault: Fault | null) => boolean,
  ): number {
    const walker = this.#walker;
    this.#blank &&= isBlank(bytes, 0, bytes.length);
    // An empty file holds no records.
    if (this.#blank) return bytes.length;
    const done = walker.push(bytes, last, (from, to, flaw) => take(from, to, flaw && { code: 'format/json', ...flaw }));
    if (walker.broken) throw this.error(walker.broken.at, walker.broken.reason);
    return done;
  }
}

class LineReader extends PieceReader {
  readonly #path: readonly string[];
  readonly #scanner = new Scanner();

  constructor(file: LocalFile, path: readonly string[]) {
    super(file);
    this.#path = path;
  }

  protected read(
    bytes: Buffer,
    last: boolean,
    take: (from: number, to: number, fault: Fault | null) => boolean,
  ): number {
    let at = 0;
    while (at < bytes.length) {
      const found = bytes.indexOf(LF, at);
      if (found < 0 && !last) break;
      const end = found < 0 ? bytes.length : found;
      if (!isBlank(bytes, at, end) && !this.#line(bytes, at, end, take)) return at;
      at = Math.min(end + 1, bytes.length);
    }
    return at;
  }

  #line(
    bytes: Buffer,
    from: number,
    end: number,
    take: (f: number, t: number, fault: Fault | null) => boolean,
  ): boolean {
    const scanner = this.#scanner;
    scanner.over(bytes, end, true);
    scanner.flaw = '';
    const start = scanner.space(from);
    if (this.#path.length > 0) return this.#document(bytes, start, end, take);
    let to = scanner.object(start, this.fields);
    if (to >= 0 && scanner.space(to) < end) to = scanner.broken(to, 'text stands behind the object');
    const reason = to < 0 ? scanner.fault : scanner.flaw;
    return take(start, end, reason === '' ? null : { code: 'format/json', reason });
  }

  /** A line that is a document with records inside: as a whole it is good or bad. */
  #document(
    bytes: Buffer,
    from: number,
    end: number,
    take: (f: number, t: number, fault: Fault | null) => boolean,
  ): boolean {
    const line = bytes.subarray(from, end);
    const trial = new Walker(this.#path, this.fields);
    trial.push(line, true, () => true);
    if (trial.broken) return take(from, end, { code: 'format/json', reason: trial.broken.reason });
    let going = true;
    new Walker(this.#path, this.fields).push(line, true, (start, to, flaw) => {
      shift(this.fields, from);
      going = take(from + start, from + to, flaw && { code: 'format/json', ...flaw });
      return going;
    });
    return going;
  }
}

/** Fields of a slice as places in the bytes that it was cut from. */
function shift(fields: Fields, by: number): void {
  for (let i = 0; i < fields.count; i++) {
    for (const places of [fields.nameFrom, fields.nameTo, fields.from, fields.to])
      places[i] = (places[i] as number) + by;
  }
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i];
    if (byte !== 32 && byte !== 13 && byte !== 9 && byte !== LF) return false;
  }
  return true;
}
