import { isUtf8 } from 'node:buffer';
import { codePage } from './code-pages.ts';
import { unfinished } from './sample.ts';

/** What the first bytes of a file say about its encoding. */
export interface Detected {
  /** null: they are no UTF-8, and look like nothing that may be taken for granted. */
  encoding: string | null;
  /** Length of the byte order mark. */
  mark: number;
  /** Seen for sure, or guessed from how the text looks. */
  sure: boolean;
}

/** Finds out the encoding by mark, zeros, validity and looks, in this order; `whole`: no bytes follow. */
export function detect(head: Buffer, whole: boolean): Detected {
  const marked = byMark(head);
  if (marked) return marked;
  const wide = byZeros(head);
  if (wide) return { encoding: wide, mark: 0, sure: true };
  const text = whole ? head : head.subarray(0, head.length - unfinished(head));
  if (isUtf8(text) || mostlyUtf8(text)) return { encoding: 'utf-8', mark: 0, sure: true };
  return { encoding: looksWestern(text) ? 'windows-1252' : null, mark: 0, sure: false };
}

/** By a byte order mark; that of UTF-32 gives null as its encoding, because it is not read. */
export function byMark(head: Buffer): Detected | null {
  const starts = (...bytes: number[]) => head.subarray(0, bytes.length).equals(Buffer.from(bytes));
  const found = (encoding: string | null, mark: number) => ({ encoding, mark, sure: true });
  if (starts(0xef, 0xbb, 0xbf)) return found('utf-8', 3);
  if (starts(0xff, 0xfe, 0, 0) || starts(0, 0, 0xfe, 0xff)) return found(null, 4);
  if (starts(0xff, 0xfe)) return found('utf-16le', 2);
  if (starts(0xfe, 0xff)) return found('utf-16be', 2);
  return null;
}

const LF = 10;
const CR = 13;

/**
 * UTF-16 without a mark: delimiters, digits, spaces and line ends have a zero as their upper byte in any script, so zeros stand
 * at every tenth place at least, on one side of the pairs alone, and line ends stand whole. Zeros in other text do not.
 */
export function byZeros(head: Buffer): 'utf-16le' | 'utf-16be' | null {
  if (!head.includes(0)) return null;
  const pairs = Math.floor(head.length / 2);
  const zeros = [0, 0];
  for (let i = 0; i < pairs * 2; i++) if (head[i] === 0) zeros[i % 2] = (zeros[i % 2] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  if (even > 0 === odd > 0) return null;
  let ends = 0;
  let stray = 0;
  for (let i = 0; i < pairs * 2; i += 2) {
    const upper = head[odd > 0 ? i + 1 : i];
    const lower = head[odd > 0 ? i : i + 1];
    if ((lower === LF || lower === CR) && upper === 0) ends++;
    else if (lower === LF || lower === CR || upper === LF || upper === CR) stray++;
  }
  const share = (even + odd) / pairs;
  if (ends + stray === 0 ? share < 0.5 : share < 0.1 || ends <= stray * 4) return null;
  return odd > 0 ? 'utf-16le' : 'utf-16be';
}

/** Text in UTF-8 with some damage: at least as many whole characters beyond ASCII as bytes that belong to none. */
function mostlyUtf8(bytes: Buffer): boolean {
  let good = 0;
  let bad = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    if (length > 1 && isUtf8(bytes.subarray(i, i + length)) && i + length <= bytes.length) {
      good++;
      i += length - 1;
    } else bad++;
  }
  return good >= bad && good > 0;
}

/** Letters that the languages of Western Europe use every day, and the marks beside them. */
const LETTERS = new Set('äöüßÄÖÜéèêëÉÈÊàâáãåÀÁÂÃÅçÇîïíìÎÍôóòõøÔÓÕØùûúÙÚñÑæÆœŒ');
const MARKS = new Set('€‚„…‘’“”•–—™\u00a0§°²³µ·¿¡ªº«»¼½¾£¥©®´±×');

/** No letter comes behind these, and none before these. */
const BEFORE_NO_LETTER = new Set('£¥²³¼½¾');
const BEHIND_NO_LETTER = new Set('£¥¼½¾¿¡');

/**
 * Whether text that is no UTF-8 looks like windows-1252: its letters stand alone amid ASCII ones, not in rows as those of other
 * scripts do, and its marks stand where they belong, not within words.
 */
function looksWestern(bytes: Buffer): boolean {
  const page = codePage('windows-1252');
  const isLetter = (byte: number | undefined) => {
    const character = byte === undefined ? '' : (page[byte] ?? '');
    return LETTERS.has(character) || /[A-Za-z]/.test(character);
  };
  let inRow = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x80) {
      inRow = 0;
      continue;
    }
    const character = page[byte] ?? '';
    if (LETTERS.has(character)) {
      if (++inRow > 2) return false;
      continue;
    }
    inRow = 0;
    if (!MARKS.has(character)) return false;
    const [before, behind] = [isLetter(bytes[i - 1]), isLetter(bytes[i + 1])];
    if (behind && BEFORE_NO_LETTER.has(character)) return false;
    if (before && BEHIND_NO_LETTER.has(character)) return false;
    if (before && behind && character !== '’') return false;
  }
  return true;
}
