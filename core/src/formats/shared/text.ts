import { createHash } from 'node:crypto';
import { copyFile, type FileHandle, open, rename, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteRange, Engine, LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { toUtf8 } from './decode.ts';
import { byMark, byZeros, detect } from './detect.ts';
import { readHead, type Sample } from './sample.ts';

/** How the bytes of one file are text. */
export interface TextForm {
  /** One of the specs' names, `auto` and `utf-16` decided. */
  encoding: string;
  /** Lines at the end that are left out. */
  footer: number;
  /** As `LocalFile.range`. */
  range?: ByteRange;
}

const CHUNK = 1024 * 1024;
const LF = 10;
const CR = 13;
/** Enough to tell an encoding by. */
const HEAD = 2 * 1024 * 1024;

/** What a file's head says of its encoding, beside what is declared. */
export interface FoundEncoding {
  encoding: string;
  /** Why, in words; null where it is plain UTF-8 without a mark, or as declared. */
  reason: string | null;
  /** It was guessed from how the text looks, so that the user should be told. */
  guessed: boolean;
}

/**
 * The encoding of a file: by its byte order mark, else as declared, else found out. Throws `format/encoding` where nothing fits,
 * and `format/unreadable`.
 */
export async function encodingOf(file: LocalFile, declared: string): Promise<FoundEncoding> {
  const head = await readHead(file, HEAD);
  const mark = byMark(head);
  if (mark && mark.encoding === null)
    throw notRead(file, 'it looks like UTF-32, which is not read', 'Save the file as UTF-8.');
  if (mark?.encoding) {
    const against = declared === 'auto' || declared === mark.encoding || (declared === 'utf-16' && mark.mark === 2);
    const reason = mark.encoding === 'utf-8' && against ? null : `${mark.encoding}, by its byte order mark`;
    return { encoding: mark.encoding, reason, guessed: false };
  }
  if (declared !== 'auto' && declared !== 'utf-16') {
    const seen = byZeros(head);
    if (seen !== null && seen !== declared)
      throw notRead(file, `it looks like ${seen}, not ${declared}`, `Set \`encoding: ${seen}\`, or leave it out.`);
    return { encoding: declared, reason: null, guessed: false };
  }
  const found = detect(head, head.length < HEAD);
  const wide = found.encoding === 'utf-16le' || found.encoding === 'utf-16be';
  if (declared === 'utf-16') {
    // Without a mark the standard says big-endian, and what is out there is little-endian.
    const encoding = wide ? (found.encoding ?? 'utf-16le') : 'utf-16le';
    return { encoding, reason: `${encoding}, without a byte order mark`, guessed: false };
  }
  if (found.encoding === null) {
    const hint = 'Say how it is written under `format`, such as `encoding: windows-1250`, or save the file as UTF-8.';
    throw notRead(file, 'it is no UTF-8, and its encoding cannot be told for sure', hint, firstHigh(head));
  }
  const reason = wide ? `${found.encoding}, by its zeros` : `${found.encoding}, by how it looks`;
  return { encoding: found.encoding, reason: found.encoding === 'utf-8' ? null : reason, guessed: !found.sure };
}

function firstHigh(head: Buffer): number {
  return head.findIndex((byte) => byte >= 0x80);
}

function notRead(file: LocalFile, reason: string, hint: string, offset = 0): SluiceError {
  return new SluiceError('format/encoding', 'data', `${file.name}: ${reason}`, {
    where: { path: file.name, byte_offset: offset },
    hint,
  });
}

/** The text of a file as chunks of UTF-8, mark and footer left out; bytes that stand for no character become 0xFF. */
export async function* textChunks(path: string, form: TextForm, size = CHUNK): AsyncGenerator<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { at: start, stop } = await extentOf(handle, form);
    const decoder = toUtf8(form.encoding);
    let at = start;
    if (at >= stop) return;
    for (;;) {
      const want = Math.max(0, Math.min(size, stop - at));
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(want), 0, want, at);
      at += bytesRead;
      const text = decoder.push(buffer.subarray(0, bytesRead), bytesRead === 0);
      if (text.length > 0) yield text;
      if (bytesRead === 0) return;
    }
  } finally {
    await handle.close();
  }
}

/** Place of the first byte that `textChunks` yields the text of. */
export async function textStart(path: string, form: TextForm): Promise<number> {
  const handle = await open(path, 'r');
  const extent = await extentOf(handle, form).finally(() => handle.close());
  return extent.at;
}

async function extentOf(handle: FileHandle, form: TextForm): Promise<{ at: number; stop: number }> {
  const mark = await markAt(handle);
  const end = form.footer > 0 ? await footerStart(handle, form) : Number.POSITIVE_INFINITY;
  if (!form.range) return { at: mark, stop: end };
  // UTF-16 is not divided: all its lines begin at 0.
  const wide = form.encoding.startsWith('utf-16');
  const [from, to] = wide && form.range[0] === 0 ? [0, Number.POSITIVE_INFINITY] : form.range;
  if (wide && from > 0) return { at: Number.POSITIVE_INFINITY, stop: end };
  const at = await lineStart(handle, from);
  return { at: Math.max(mark, at), stop: Math.min(end, await lineStart(handle, to)) };
}

/** The first line start at a place in a file or behind it. */
export async function lineStart(handle: FileHandle, place: number): Promise<number> {
  if (place === 0 || place === Number.POSITIVE_INFINITY) return place;
  const buffer = Buffer.alloc(64 * 1024);
  for (let at = place - 1; ; at += buffer.length) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    const found = buffer.subarray(0, bytesRead).indexOf(LF);
    if (found >= 0) return at + found + 1;
    if (bytesRead < buffer.length) return at + bytesRead;
  }
}

async function markAt(handle: FileHandle): Promise<number> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
  return byMark(buffer.subarray(0, bytesRead))?.mark ?? 0;
}

/** The first bytes of a file's text, about as many as asked for. Throws `format/unreadable`. */
export async function textSample(file: LocalFile, form: TextForm, limit: number): Promise<Sample> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of textChunks(file.path, form, limit)) {
      parts.push(chunk);
      size += chunk.length;
      // One byte more tells whether the file goes on.
      if (size > limit) return { bytes: Buffer.concat(parts).subarray(0, limit), whole: false };
    }
  } catch (cause) {
    throw new SluiceError('format/unreadable', 'transient', `${file.name} cannot be read: ${String(cause)}`, {
      where: { path: file.name },
      cause,
    });
  }
  return { bytes: Buffer.concat(parts), whole: true };
}

/** A file that the engine reads as it stands: UTF-8, without a footer; a copy in the spool where it is another. */
export async function plainText(file: LocalFile, form: TextForm, engine: Engine): Promise<LocalFile> {
  if (form.encoding === 'utf-8' && form.footer === 0) return file;
  const name = createHash('sha256')
    .update(JSON.stringify([file.path, file.size, file.modified_at, form]))
    .digest('hex');
  const path = join(engine.spool, `text-${name.slice(0, 32)}`);
  const before = await stat(path).catch(() => null);
  if (before) return { ...file, path, size: before.size };
  const part = `${path}.part`;
  if (form.encoding === 'utf-8') await copyHead(file.path, part, form);
  else await writeChunks(file.path, part, form);
  await rename(part, path);
  return { ...file, path, size: (await stat(path)).size };
}

async function copyHead(from: string, to: string, form: TextForm): Promise<void> {
  const handle = await open(from, 'r');
  const stop = await footerStart(handle, form).finally(() => handle.close());
  await copyFile(from, to);
  await truncate(to, stop);
}

async function writeChunks(from: string, to: string, form: TextForm): Promise<void> {
  const handle = await open(to, 'w');
  try {
    for await (const chunk of textChunks(from, form)) await handle.appendFile(chunk);
  } finally {
    await handle.close();
  }
}

/** Place of the first byte of the last so many lines, found from the end backwards; the file's last line end is part of its last line. */
async function footerStart(handle: FileHandle, form: TextForm): Promise<number> {
  const unit = form.encoding.startsWith('utf-16') ? 2 : 1;
  const lower = form.encoding === 'utf-16be' ? 1 : 0;
  const { size } = await handle.stat();
  const last = size - (size % unit);
  let lines = 0;
  let following = -1;
  for (let end = last; end > 0; ) {
    const from = Math.max(0, end - CHUNK);
    const { buffer } = await handle.read(Buffer.alloc(end - from), 0, end - from, from);
    for (let at = buffer.length - unit; at >= 0; at -= unit) {
      const wide = unit === 2 && buffer[at + 1 - lower] !== 0;
      const code = wide ? -1 : (buffer[at + lower] ?? -1);
      const behind = from + at + unit;
      const isEnd = code === LF || (code === CR && following !== LF);
      if (isEnd && behind < last && ++lines === form.footer) return behind;
      following = code;
    }
    end = from;
  }
  return 0;
}
