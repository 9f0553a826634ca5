let segmenter: Intl.Segmenter | undefined;

/** The characters of a text as a reader counts them. */
export function* graphemes(text: string): Iterable<string> {
  // Made when it is first needed: it costs more to set up than a small file takes to check.
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (const { segment } of segmenter.segment(text)) yield segment;
}

const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** Columns that one character takes in a terminal. */
export function graphemeWidth(grapheme: string): number {
  if (/^\p{Emoji_Presentation}/u.test(grapheme) || grapheme.includes('\ufe0f')) return 2;
  if (WIDE.test(grapheme)) return 2;
  return /^[\p{Mark}\p{Cf}]/u.test(grapheme) ? 0 : 1;
}

/** Columns that a text takes in a terminal. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let sum = 0;
  for (const grapheme of graphemes(text)) sum += graphemeWidth(grapheme);
  return sum;
}
