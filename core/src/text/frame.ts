import type { Range } from '../model/diagnostic.ts';
import { lineAt, positionAt } from './position.ts';
import { graphemes, graphemeWidth, textWidth } from './width.ts';

/**
 * Draws the line of a range with carets under it, as plain text: two lines, the first with its number. Carets stand
 * under the right characters where the line holds wide characters or tabs. `hidden`: what is marked is a secret, and stars stand
 * in its place.
 */
export function renderFrame(owner: { text: string }, range: Range, hidden = false): string {
  const line = lineAt(owner.text, range.start);
  const number = String(positionAt(owner, range.start).line + 1).padStart(4);
  const before = line.text.slice(0, range.start - line.start);
  const marked = line.text.slice(before.length, range.end - line.start);
  const pad = Array.from(graphemes(before), (g) => (g === '\t' ? '\t' : ' '.repeat(graphemeWidth(g)))).join('');
  const blank = ' '.repeat(number.length);
  const width = Math.max(1, textWidth(marked));
  const shown = hidden ? before + '*'.repeat(width) + line.text.slice(before.length + marked.length) : line.text;
  return `${number} | ${shown}\n${blank} | ${pad}${'^'.repeat(width)}`;
}
