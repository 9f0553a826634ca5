import type { Range } from '../model/diagnostic.ts';
import { lineAt, positionAt } from './position.ts';

/**
 * Draws the line of a range with carets under it, as plain text: two lines, the first with its number. Carets stand
 * under the right characters where the line holds wide characters or tabs.
 */
export function renderFrame(owner: { text: string }, range: Range): string {
  const line = lineAt(owner.text, range.start);
  const number = String(positionAt(owner, range.start).line + 1).padStart(4);
  const before = line.text.slice(0, range.start - line.start);
  const marked = line.text.slice(before.length, range.end - line.start);
  const pad = Array.from(graphemes(before), (g) => (g === '\t' ? '\t' : ' '.repeat(width(g)))).join('');
  const carets = Array.from(graphemes(marked)).reduce((sum, g) => sum + width(g), 0);
  const blank = ' '.repeat(number.length);
  return `${number} | ${line.text}\n${blank} | ${pad}${'^'.repeat(Math.max(1, carets))}`;
}

let segmenter: Intl.Segmenter | undefined;

function* graphemes(text: string): Iterable<string> {
  // Made when it is first needed: it costs more to set up than a small file takes to check.
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of segmenter.segment(text)) yield segment;
}

const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** Columns that a character takes in a terminal. */
function width(grapheme: string): number {
  if (/^\p{Emoji_Presentation}/u.test(grapheme) || grapheme.includes('\ufe0f')) return 2;
  if (WIDE.test(grapheme)) return 2;
  return /^[\p{Mark}\p{Cf}]/u.test(grapheme) ? 0 : 1;
}
