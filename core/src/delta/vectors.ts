import { SluiceError } from '../model/error.ts';
import type { Folder } from '../model/folder.ts';
import type { DeletionVector } from './actions.ts';
import { fromUri } from './paths.ts';

const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const UUID_CHARS = 20;
/** Begins a bitmap of 64-bit row numbers. */
const MAGIC = 1681511377;
const NO_RUNS = 12346;
const WITH_RUNS = 12347;
/** Containers below which a bitmap with runs has no table of offsets. */
const NO_OFFSETS = 4;
/** Values above which a container is a bitmap. */
const LARGEST_ARRAY = 4096;

/** Numbers of a file's deleted rows, from 0, in order. Throws `format/delta-vector` where it cannot be read. */
export async function deletedRows(folder: Folder, vector: DeletionVector): Promise<number[]> {
  const bitmap = await bytesOf(folder, vector);
  const rows = readBitmap(bitmap, folder);
  if (rows.length !== vector.cardinality)
    throw unreadable(folder, `it holds ${rows.length} rows, the log says ${vector.cardinality}`);
  return rows;
}

async function bytesOf(folder: Folder, vector: DeletionVector): Promise<Buffer> {
  const { storageType, pathOrInlineDv: text, sizeInBytes: size } = vector;
  if (storageType === 'i') return decodeZ85(text).subarray(0, size);
  if (storageType !== 'u') throw unreadable(folder, `it is stored outside of the table (${storageType})`);
  const prefix = text.slice(0, text.length - UUID_CHARS);
  const hex = decodeZ85(text.slice(-UUID_CHARS)).toString('hex');
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const path = fromUri(`${prefix === '' ? '' : `${prefix}/`}deletion_vector_${uuid}.bin`);
  const file = await folder.read(path);
  if (file === null) throw unreadable(folder, `${path} is not there`);
  const at = vector.offset ?? 1;
  if (file.length < at + 4 + size || file.readUInt32BE(at) !== size) throw unreadable(folder, `${path} is cut off`);
  return file.subarray(at + 4, at + 4 + size);
}

function decodeZ85(text: string): Buffer {
  const bytes = Buffer.alloc((text.length / 5) * 4);
  for (let at = 0; at * 5 < text.length; at++) {
    let value = 0;
    for (const char of text.slice(at * 5, at * 5 + 5)) value = value * 85 + Z85.indexOf(char);
    bytes.writeUInt32BE(value % 2 ** 32, at * 4);
  }
  return bytes;
}

interface Cursor {
  bytes: Buffer;
  at: number;
}

/** A roaring bitmap of 64-bit numbers in its portable form (https://github.com/RoaringBitmap/RoaringFormatSpec). */
function readBitmap(bytes: Buffer, folder: Folder): number[] {
  const cursor = { bytes, at: 12 };
  try {
    if (bytes.readInt32LE(0) !== MAGIC) throw unreadable(folder, 'it is of a form that is not known');
    const count = Number(bytes.readBigInt64LE(4));
    const rows: number[] = [];
    for (let i = 0; i < count; i++) {
      const high = bytes.readUInt32LE(cursor.at);
      cursor.at += 4;
      read32(cursor, high * 2 ** 32, rows);
    }
    return rows;
  } catch (error) {
    if (error instanceof RangeError) throw unreadable(folder, 'it is cut off');
    throw error;
  }
}

function read32(cursor: Cursor, base: number, rows: number[]): void {
  const cookie = next(cursor, 4);
  const hasRuns = (cookie & 0xffff) === WITH_RUNS;
  if (!hasRuns && cookie !== NO_RUNS) throw new RangeError('cookie');
  const size = hasRuns ? (cookie >>> 16) + 1 : next(cursor, 4);
  const flags = cursor.at;
  if (hasRuns) cursor.at += Math.ceil(size / 8);
  const containers = Array.from({ length: size }, () => ({ key: next(cursor, 2), count: next(cursor, 2) + 1 }));
  if (!hasRuns || size >= NO_OFFSETS) cursor.at += size * 4;
  for (const [i, { key, count }] of containers.entries()) {
    const from = base + key * 65536;
    const isRun = hasRuns && ((cursor.bytes[flags + (i >> 3)] ?? 0) & (1 << (i & 7))) !== 0;
    if (isRun) readRuns(cursor, from, rows);
    else if (count > LARGEST_ARRAY) readBits(cursor, from, rows);
    else for (let n = 0; n < count; n++) rows.push(from + next(cursor, 2));
  }
}

function readRuns(cursor: Cursor, from: number, rows: number[]): void {
  const runs = next(cursor, 2);
  for (let n = 0; n < runs; n++) {
    const start = next(cursor, 2);
    const more = next(cursor, 2);
    for (let row = start; row <= start + more; row++) rows.push(from + row);
  }
}

function readBits(cursor: Cursor, from: number, rows: number[]): void {
  for (let byte = 0; byte < 8192; byte++) {
    const bits = next(cursor, 1);
    for (let bit = 0; bit < 8; bit++) if (bits & (1 << bit)) rows.push(from + byte * 8 + bit);
  }
}

function next(cursor: Cursor, bytes: number): number {
  const value = cursor.bytes.readUIntLE(cursor.at, bytes);
  cursor.at += bytes;
  return value;
}

function unreadable(folder: Folder, why: string): SluiceError {
  return new SluiceError('format/delta-vector', 'data', `A deletion vector of ${folder.name} cannot be read: ${why}`, {
    hint: 'Rewrite the table without deletion vectors, or restore its files.',
  });
}
