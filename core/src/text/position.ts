/** A place as the Language Server Protocol counts it: from 0, characters in UTF-16 units. */
export interface Position {
  line: number;
  character: number;
}

const cache = new WeakMap<object, number[]>();

/** Offsets at which the lines of a text begin; `\n`, `\r\n` and a lone `\r` end a line. */
function lineStarts(text: string): number[] {
  const starts = [0];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 10 || (code === 13 && text.charCodeAt(i + 1) !== 10)) starts.push(i + 1);
  }
  return starts;
}

/** Line and character of an offset; the lines of an owner are counted once. */
export function positionAt(owner: { text: string }, offset: number): Position {
  const starts = startsOf(owner);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low, character: offset - starts[low]! };
}

/** Offset of a line and character; outside the text it is the nearest place inside. */
export function offsetAt(owner: { text: string }, position: Position): number {
  const starts = startsOf(owner);
  const start = starts[Math.max(0, position.line)];
  if (start === undefined) return owner.text.length;
  const next = starts[position.line + 1] ?? owner.text.length + 1;
  return Math.max(start, Math.min(start + position.character, next - 1));
}

function startsOf(owner: { text: string }): number[] {
  let starts = cache.get(owner);
  if (!starts) {
    starts = lineStarts(owner.text);
    cache.set(owner, starts);
  }
  return starts;
}

/** The text of the line that holds an offset, without its line end, and where it begins. */
export function lineAt(text: string, offset: number): { text: string; start: number } {
  let start = offset;
  while (start > 0 && !isBreak(text.charCodeAt(start - 1))) start--;
  let end = offset;
  while (end < text.length && !isBreak(text.charCodeAt(end))) end++;
  return { text: text.slice(start, end), start };
}

function isBreak(code: number): boolean {
  return code === 10 || code === 13;
}
