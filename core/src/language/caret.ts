import { typesOf } from '../check/scalars.ts';
import type { Range } from '../model/diagnostic.ts';
import { type Document, entryOf, type MapNode, type ScalarNode } from '../text/node.ts';
import { parseDocument } from '../text/parse.ts';
import { lineAt } from '../text/position.ts';
import { reparseNear } from '../text/reparse.ts';
import { flowState } from './flow-state.ts';
import { leadingTo } from './prune.ts';
import { withoutBroken } from './readable.ts';
import type { LanguageContext } from './types.ts';
import { type Visit, visitsOf } from './visits.ts';

/** Stands in the text where the caret is, so that the ordinary reader and the ordinary walk say what belongs there. */
export const MARK = 'zzcaretzz';

/** What may be written at the caret. */
export interface Caret {
  /** The text without the mark. */
  text: string;
  /** The text with the mark in it, readable. */
  document: Document;
  /** What a completion replaces. */
  range: Range;
  /** What is typed of the value or key before the caret. */
  typed: string;
  quote: '' | '"' | "'";
  flow: boolean;
  /** A key is followed by its colon already. */
  colon: boolean;
  /** The line is indented too far for where the mark was found: how far it has to be. */
  indent: number | null;
  /** The mappings in which the mark is a key, with each schema that they were held against. */
  keys: { node: MapNode; schema: Visit['schema'] }[];
  /** The scalars that hold the mark, with each schema. */
  values: { node: ScalarNode; schema: Visit['schema'] }[];
  /** The line holds an item of a list whose dash is not written yet, or has no space behind it: offers bring `- `. */
  dash: boolean;
  /** Inside a block text (`|`, `>`): the value is the whole text. */
  block: boolean;
}

interface Attempt {
  text: string;
  range: Range;
  typed: string;
  quote?: '"' | "'";
  flow?: boolean;
  colon?: boolean;
  indent?: number;
  dash?: boolean;
}

/** Finds out what the caret stands in; null where nothing can be completed: in a comment, or beyond repair. */
export function caretAt(context: LanguageContext, text: string, offset: number): Caret | null {
  for (const attempt of attempts(text, offset)) {
    const found = tryOut(context, text, attempt);
    if (found) return found;
  }
  return null;
}

function tryOut(context: LanguageContext, text: string, attempt: Attempt): Caret | null {
  const document = readMarked(context.document, attempt.text);
  if (!document) return null;
  const keys: Caret['keys'] = [];
  const values: Caret['values'] = [];
  const leading = leadingTo(document, attempt.text.indexOf(MARK));
  for (const { node, schema } of visitsOf(leading, context.project, context.scope)) {
    if (node.kind === 'map' && entryOf(node, MARK)) keys.push({ node, schema });
    else if (node.kind === 'scalar' && node.source.includes(MARK)) values.push({ node, schema });
  }
  if (values.length === 0 && keys.every(({ schema }) => isList(schema))) return null;
  if (attempt.dash && !keys.some(({ node }) => /\/\d+$/.test(node.path))) return null;
  const style = values[0]?.node.style;
  return {
    text,
    document,
    range: attempt.range,
    typed: attempt.typed,
    quote: attempt.quote ?? '',
    flow: attempt.flow ?? false,
    colon: attempt.colon ?? false,
    indent: attempt.indent ?? null,
    dash: attempt.dash ?? false,
    keys,
    values,
    block: style === 'literal' || style === 'folded',
  };
}

/** A list has no keys: what stands in its place is an item without its dash. */
function isList(schema: Visit['schema']): boolean {
  return typesOf(schema).every((type) => type === 'array');
}

/**
 * Reads the text with the mark, without the lines that break it; where it can, only the part that is not as it was. Null where no
 * reading has the mark in it.
 */
function readMarked(previous: Document, text: string): Document | null {
  const { file } = previous;
  const near = reparseNear(previous, text, (piece, kind) => {
    const mended = withoutBroken(piece, file, kind);
    return mended.includes(MARK) ? mended : null;
  });
  if (near === 'nothing') return null;
  if (near) return near;
  const document = parseDocument(text, file);
  return document.broken ? parseDocument(withoutBroken(text, file), file) : document;
}

const INDENT = /^(\s*(?:-[ \t]+)*)/;

function* attempts(text: string, offset: number): Generator<Attempt> {
  const line = lineAt(text, offset);
  const column = offset - line.start;
  const before = line.text.slice(0, column);
  if (isComment(before)) return;
  const lead = INDENT.exec(before)?.[0] ?? '';
  const word = before.slice(lead.length);
  const put = (range: Range, mark: string): string => text.slice(0, range.start) + mark + text.slice(range.end);
  if (/^[\w-]*$/.test(word)) {
    const rest = /^([\w-]*)([ \t]*:(?=\s|$))?([ \t]*)$|^([\w-]*)([ \t]*:[ \t].*)$/.exec(line.text.slice(column));
    if (rest) {
      const start = line.start + lead.length;
      const range = { start, end: offset + (rest[1] ?? rest[4] ?? '').length };
      const colon = (rest[2] ?? rest[5]) !== undefined;
      yield { text: put(range, colon ? MARK : `${MARK}:`), range, typed: word, colon };
      if (!colon) yield* dashed(text, line, lead, range, offset);
      yield* dedented(text, line.start, lead, range, word, colon);
    }
  }
  yield* valueAttempts(text, offset, line, column, put);
  const from = offset - (/[\w]*$/.exec(before)?.[0].length ?? 0);
  yield {
    text: put({ start: from, end: offset }, MARK),
    range: { start: from, end: offset },
    typed: text.slice(from, offset),
  };
}

/** An indented line under a key, or under the dashes of a list, may be its next item. */
function* dashed(
  text: string,
  line: { text: string; start: number },
  lead: string,
  range: Range,
  offset: number,
): Generator<Attempt> {
  const isBegun = /^[ ]+-$/.test(line.text.trimEnd());
  if (!isBegun && !/^[ ]+$/.test(lead)) return;
  const start = isBegun ? line.start + line.text.indexOf('-') : range.start;
  const own = { start, end: isBegun ? Math.max(offset, start + 1) : range.end };
  yield {
    text: `${text.slice(0, own.start)}- ${MARK}:${text.slice(own.end)}`,
    range: own,
    typed: text.slice(own.start, offset),
    dash: true,
  };
}

/** A line that is indented too far still belongs to one of the mappings above it. */
function* dedented(
  text: string,
  lineStart: number,
  lead: string,
  range: Range,
  word: string,
  colon: boolean,
): Generator<Attempt> {
  if (lead.includes('-') || colon) return;
  const indents = new Set<number>();
  for (const { 0: above } of text.slice(0, lineStart).matchAll(/^ *(?:- +)*(?=\S)/gm)) {
    if (above.length < lead.length) indents.add(above.length);
  }
  for (const indent of [...indents].sort((a, b) => b - a).slice(0, 3)) {
    yield {
      text: `${text.slice(0, lineStart)}${' '.repeat(indent)}${MARK}:${text.slice(range.end)}`,
      range,
      typed: word,
      indent,
    };
  }
}

const KEYED = /^(\s*(?:-[ \t]+)*)("[^"]*"|'[^']*'|(?!-[ \t])[^\s#"'[{][^#]*?):[ \t]+/;

function* valueAttempts(
  text: string,
  offset: number,
  line: { text: string; start: number },
  column: number,
  put: (range: Range, mark: string) => string,
): Generator<Attempt> {
  const before = line.text.slice(0, column);
  const head = KEYED.exec(before)?.[0] ?? INDENT.exec(before)?.[0] ?? '';
  const value = line.text.slice(head.length);
  const start = line.start + head.length;
  if (value.startsWith('[') || value.startsWith('{')) {
    const state = flowState(value, column - head.length);
    if (!state) return;
    const range = { start: start + state.start, end: start + state.end };
    const closers = closesLater(text, range.end) ? '' : state.closers;
    const marked = put(range, MARK);
    const at = line.start + line.text.length + MARK.length - (range.end - range.start);
    yield {
      text: marked.slice(0, at) + closers + marked.slice(at),
      range,
      typed: text.slice(range.start, offset),
      flow: true,
      colon: state.colon,
      ...(state.quote ? { quote: state.quote } : {}),
    };
    return;
  }
  const quote = value[0] === '"' || value[0] === "'" ? value[0] : undefined;
  if (/^[|>][-+\d]*\s*$/.test(value)) return;
  if (quote) {
    const close = value.indexOf(quote, 1);
    const end = close < 0 ? value.trimEnd().length : close;
    if (column - head.length < 1 || column - head.length > end) return;
    const range = { start: start + 1, end: start + end };
    yield { text: put(range, close < 0 ? MARK + quote : MARK), range, typed: text.slice(start + 1, offset), quote };
    return;
  }
  const end = value.replace(/(?:^|[ \t])#.*$/, '').trimEnd().length;
  const range = { start, end: Math.max(start + end, offset) };
  yield { text: put(range, MARK), range, typed: text.slice(start, offset) };
}

/** Whether a flow value that is open at the end of this line is closed on a later one. */
function closesLater(text: string, from: number): boolean {
  const lineEnd = text.indexOf('\n', from);
  if (lineEnd < 0) return false;
  const next = /^[ \t]*\S.*$/m.exec(text.slice(lineEnd + 1))?.[0] ?? '';
  return /^[ \t]*[\]}]|^[ \t]*[^:#]*,?[ \t]*[\]}][ \t]*$/.test(next);
}

function isComment(before: string): boolean {
  let quote = '';
  for (let i = 0; i < before.length; i++) {
    const ch = before[i]!;
    if (quote) quote = ch === quote ? '' : quote;
    else if ((ch === '"' || ch === "'") && /^$|[\s[{,:]/.test(before[i - 1] ?? '')) quote = ch;
    else if (ch === '#' && (i === 0 || /\s/.test(before[i - 1]!))) return true;
  }
  return false;
}
