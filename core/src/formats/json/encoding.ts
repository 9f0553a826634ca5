import type { Engine, LocalFile } from '../../model/component.ts';
import { byMark } from '../shared/detect.ts';
import { readHead } from '../shared/sample.ts';
import { encodingOf, plainText } from '../shared/text.ts';

/** A file that may be a copy in UTF-8, whose places are not those of the source's file. */
export type JsonFile = LocalFile & { converted?: boolean };

/**
 * A file's encoding: as declared; auto: UTF-16 by its mark or by the zero beside the first character, which is of ASCII in any
 * JSON, else UTF-8, as the standard wants it. Throws `format/encoding`.
 */
export async function jsonEncoding(file: LocalFile, declared: string): Promise<string> {
  if (declared !== 'auto') return (await encodingOf(file, declared)).encoding;
  const head = await readHead(file, 4);
  if (byMark(head)) return (await encodingOf(file, declared)).encoding;
  const [first, second] = head;
  if (first === 0 && second) return 'utf-16be';
  return first && second === 0 ? 'utf-16le' : 'utf-8';
}

/** The file itself where it is UTF-8, else a copy in the spool. */
export async function asUtf8(file: LocalFile, declared: string, engine: Engine): Promise<JsonFile> {
  const encoding = await jsonEncoding(file, declared);
  if (encoding === 'utf-8') return file;
  return { ...(await plainText(file, { encoding, footer: 0 }, engine)), converted: true };
}

/** The place of a byte in the source's own file, where it is known. */
export function placeIn(file: JsonFile, at: number): { byte_offset?: number } {
  return file.converted ? {} : { byte_offset: at };
}
