import type { ScalarNode } from '../text/node.ts';

/**
 * Where each character of a scalar's `source` stands in the text; one place more for its end. null where that cannot be
 * told. `source` differs from the text by quotes, escapes, folded lines and block indentation.
 */
export function sourcePlaces(node: ScalarNode, text: string): number[] | null {
  const { start, end } = node.range;
  let at = start;
  if (node.style === 'literal' || node.style === 'folded') {
    const line = text.indexOf('\n', start);
    if (line < 0 || line >= end) return null;
    at = line + 1;
  } else if (node.style === 'single' || node.style === 'double') at = start + 1;
  const places: number[] = [];
  for (let i = 0; i < node.source.length; i++) {
    const code = node.source.charCodeAt(i);
    if (isSpace(code)) {
      places.push(at);
      if (at < end && text.charCodeAt(at) === code) at++;
      continue;
    }
    const found = skipTo(text, at, end, code, node);
    if (found < 0) return null;
    places.push(found);
    at = found + 1;
    if (node.style === 'single' && code === 39) at++;
  }
  places.push(at);
  return places;
}

function skipTo(text: string, from: number, end: number, code: number, node: ScalarNode): number {
  let at = from;
  while (at < end && text.charCodeAt(at) !== code) {
    const other = text.charCodeAt(at);
    const isEscape = node.style === 'double' && other === 92;
    if (!isSpace(other) && !isEscape) return -1;
    at++;
  }
  return at < end ? at : -1;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}
