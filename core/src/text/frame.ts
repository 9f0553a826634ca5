import type { Range } from '../model/diagnostic.ts';
import { lineAt, positionAt } from './position.ts';
import { graphemes, graphemeWidth, textWidth } from './width.ts';

/** Characters of a longer line that are shown, and how many of them before what is marked. */
const MOST = 160;
const BEFORE = 60;

/**
 * Draws the line of a range with carets under it, as plain text: two lines, the first with its number. Carets stand
 * under the right characters where the line holds wide characters or tabs. Of a long line the part around the range is shown. `hidden`: what is marked is a secret, and stars stand
 * in its place.
 */
export function renderFrame(owner: { text: string }, range: Range, hidden = false): string {
  const line = shownPart(lineAt(owner.text, range.start), range.start);
  const number = String(positionAt(owner, range.start).line + 1).padStart(4);
  const before = line.text.slice(0, range.start - line.start);
  const marked = line.text.slice(before.length, Math.max(before.length, range.end - line.start));
  const pad = Array.from(graphemes(before), (g) => (g === '\t' ? '\t' : ' '.repeat(graphemeWidth(g)))).join('');
  const blank = ' '.repeat(number.length);
  const width = Math.max(1, textWidth(marked));
  const shown = hidden ? before + '*'.repeat(width) + line.text.slice(before.length + marked.length) : line.text;
  return `${number} | ${shown}\n${blank} | ${pad}${'^'.repeat(width)}`;
}

/** The line, or the part of it around an offset with `…` where it is cut. */
function shownPart(line: { text: string; start: number }, at: number): { text: string; start: number } {
  const { text, start } = line;
  if (text.length <= MOST) return line;
  const from = Math.max(0, Math.min(at - start - BEFORE, text.length - MOST));
  const whole = (index: number) => (/[\udc00-\udfff]/.test(text[index] ?? '') ? index - 1 : index);
  const part = text.slice(whole(from), whole(from + MOST));
  const mark = from > 0 ? '…' : '';
  return { text: `${mark}${part}${from + MOST < text.length ? '…' : ''}`, start: start + whole(from) - mark.length };
}
