/** Where in a flow value (`[…]`, `{…}`) the caret is. */
interface FlowState {
  /** The word or value at the caret, relative to the value's begin. */
  start: number;
  end: number;
  quote: '"' | "'" | undefined;
  /** The word is a key that has its colon. */
  colon: boolean;
  /** What closes the brackets that are open at the end of the text. */
  closers: string;
}

const CLOSING: Readonly<Record<string, string>> = { '[': ']', '{': '}' };

/** Reads one line of a flow value up to the caret; null where the caret is behind its end. */
export function flowState(value: string, caret: number): FlowState | null {
  const open: string[] = [];
  let quote: '"' | "'" | '' = '';
  let start = 0;
  let i = 0;
  for (; i < caret; i++) {
    const ch = value[i]!;
    if (quote) {
      if (ch === quote) quote = '';
      continue;
    }
    if (ch === '"' || ch === "'") {
      quote = ch;
      start = i + 1;
    } else if (ch === '[' || ch === '{') {
      open.push(CLOSING[ch]!);
      start = i + 1;
    } else if (ch === ']' || ch === '}') {
      open.pop();
      if (open.length === 0) return null;
    } else if (ch === ',' || (ch === ':' && /\s/.test(value[i + 1] ?? ' '))) start = i + 1;
  }
  while (start < caret && /\s/.test(value[start]!)) start++;
  const end = quote ? closingQuote(value, caret, quote) : wordEnd(value, caret);
  const closers = stillOpen(value, end + (quote && end < value.length ? 1 : 0), open);
  return {
    start,
    end,
    quote: quote || undefined,
    colon: /^\s*:(?:\s|$)/.test(value.slice(end)),
    closers: (quote && end >= value.length ? quote : '') + closers,
  };
}

function closingQuote(value: string, caret: number, quote: string): number {
  const close = value.indexOf(quote, caret);
  return close < 0 ? value.length : close;
}

function wordEnd(value: string, caret: number): number {
  let end = caret;
  while (end < value.length && !/[,\]}:#\s]/.test(value[end]!)) end++;
  return end;
}

function stillOpen(value: string, from: number, open: readonly string[]): string {
  const stack = [...open];
  for (const ch of value.slice(from)) {
    if (CLOSING[ch]) stack.push(CLOSING[ch]);
    else if (ch === ']' || ch === '}') stack.pop();
  }
  return stack.reverse().join('');
}
