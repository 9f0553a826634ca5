import type { Range } from '../model/diagnostic.ts';
import { type Document, type Entry, type ListNode, type MapNode, type Node, pointer } from './node.ts';
import { parseDocument } from './parse.ts';

/**
 * Parses a text that differs from an earlier one in one place: gives what `parseDocument` gives. Where both are whole, only the
 * top-level keys that the difference touches are read again; the others are moved. Anything unusual is read anew as a whole.
 */
export function reparse(previous: Document, text: string): Document {
  if (previous.text === text) return previous;
  const whole = lastWhole(previous);
  const document = reparsePart(previous, text) ?? parseDocument(text, previous.file);
  if (document !== whole && !isWhole(document)) wholes.set(document, whole);
  return document;
}

/** The last whole text before one with faults: most faults are half-written words, and go with the next edits. */
const wholes = new WeakMap<Document, Document>();

function isWhole({ broken, diagnostics }: Document): boolean {
  return !broken && diagnostics.length === 0;
}

/** The document itself where nothing is wrong with its text, else the last one before it of which that is so. */
export function lastWhole(document: Document): Document {
  return isWhole(document) ? document : (wholes.get(document) ?? document);
}

/** The same where only a part has to be read again and is without faults; else null. */
function reparsePart(previous: Document, text: string): Document | null {
  const whole = lastWhole(previous);
  if (whole.text === text) return whole;
  const part = partOf(whole, text);
  const document = part && moved(whole, text, part, exactly);
  if (document) even.add(document);
  return document;
}

/** What is read of a piece of a text: all of it, or what can be read of it; null where nothing in it is of use. */
type Mend = (piece: string, kind: Node['kind']) => string | null;

const exactly: Mend = (piece) => piece;

/**
 * What a text looks like near the place where it differs from an earlier one: only the part that the difference touches is read, an
 * item of a list or whole keys, once as it is and then as `mend` gives it. The places of what stands behind the difference are those of
 * the earlier text. `nothing`: `mend` has nothing to give; null: the text has to be read as a whole.
 */
export function reparseNear(previous: Document, text: string, mend: Mend): Document | 'nothing' | null {
  const whole = lastWhole(previous);
  const part = whole.text === text ? null : partOf(whole, text);
  if (!part) return null;
  const { begin, oldEnd, change } = part;
  const items = part.single ? itemOf(whole, part.root.entries[part.first]!, begin, oldEnd, change) : null;
  const isItem = items && blockStarts(text, items.start, items.end + change.delta).length === 0;
  const near = { ...part, still: true, only: isItem ? 'item' : 'keys' } as const;
  let isGiven = true;
  const mended: Mend = (piece, kind) => {
    const found = mend(piece, kind);
    isGiven = found !== null;
    return found;
  };
  const found = moved(whole, text, near, exactly) ?? moved(whole, text, near, mended);
  return found ?? (isItem || !isGiven ? 'nothing' : null);
}

/** Anchors, aliases, merges, directives and further documents reach over top-level keys. */
const REACHING = /(?:^|[\s[{,:-])[&*][\w-]|<<|^(?:---|\.\.\.|%)|[\u0085\u2028\u2029\ufeff]|\r(?!\n)/m;

interface Part {
  root: MapNode;
  change: Change;
  /** Keys of the earlier text that the difference touches: from this one to before `after`; below 0: to the last one. */
  first: number;
  after: number;
  single: boolean;
  /** Where they stand in the earlier text. */
  begin: number;
  oldEnd: number;
  /** What stands behind the difference keeps its places: nobody asks for them. */
  still?: boolean;
  /** What is read again: one item of a list, or whole keys; left out: the smaller one that can be read. */
  only?: 'item' | 'keys';
}

/** Documents of which it is known that nothing in them reaches over top-level keys, and that each key begins a line at the margin. */
const even = new WeakSet<Document>();

function isEven(document: Document, root: MapNode): boolean {
  if (even.has(document)) return true;
  const { text } = document;
  if (REACHING.test(text) || !startsAt(root.entries, blockStarts(text, 0, text.length))) return false;
  even.add(document);
  return true;
}

/** Whether the lines that a difference touches bring in what reaches further. */
function reaches(text: string, { from, to, delta }: Change): boolean {
  const start = text.lastIndexOf('\n', from - 1) + 1;
  const end = text.indexOf('\n', to + delta);
  return REACHING.test(text.slice(start, end < 0 ? text.length : end + 1));
}

function partOf(previous: Document, text: string): Part | null {
  const root = previous.root;
  if (!isWhole(previous) || root?.kind !== 'map' || root.flow || !isEven(previous, root)) return null;
  const change = difference(previous.text, text);
  if (reaches(text, change)) return null;
  // A line that begins at the margin may end what stands before it, so the key before the difference is read again as well.
  const { entries } = root;
  const first = entries.findLastIndex(({ key }) => key.range.start < change.from);
  if (first < 0) return null;
  const after = entries.findIndex(({ key }) => key.range.start > change.to);
  const begin = entries[first]!.key.range.start;
  const oldEnd = after < 0 ? previous.text.length : entries[after]!.key.range.start;
  const single = after < 0 ? first === entries.length - 1 : after === first + 1;
  return { root, change, first, after, single, begin, oldEnd };
}

function moved(previous: Document, text: string, part: Part, mend: Mend): Document | null {
  const { root, change, first, after, begin, oldEnd, still, only } = part;
  const { delta } = change;
  const within = part.single && only !== 'keys' ? insideList(previous, text, part, mend) : null;
  const piece = within
    ? { entries: [within], end: within.value.range.end }
    : only !== 'item'
      ? wholeKeys(mend(text.slice(begin, oldEnd + delta), 'map'), previous.file, begin)
      : null;
  if (!piece) return null;
  const rest = after < 0 ? [] : root.entries.slice(after);
  const entries = [
    ...root.entries.slice(0, first),
    ...piece.entries,
    ...(still ? rest : rest.map((entry) => moveEntry(entry, delta))),
  ];
  if (new Set(entries.map((entry) => entry.key.source)).size !== entries.length) return null;
  const end = after < 0 ? piece.end : root.range.end + delta;
  const map: MapNode = { ...root, range: { start: entries[0]!.key.range.start, end }, entries };
  return { file: previous.file, text, root: map, diagnostics: [], broken: false };
}

function wholeKeys(text: string | null, file: string, begin: number): { entries: Entry[]; end: number } | null {
  if (text === null) return null;
  const { root, broken, diagnostics } = parseDocument(text, file);
  if (broken || diagnostics.length > 0 || root?.kind !== 'map' || root.flow) return null;
  if (!startsAt(root.entries, blockStarts(text, 0, text.length))) return null;
  return { entries: root.entries.map((entry) => moveEntry(entry, begin)), end: root.range.end + begin };
}

interface Items {
  list: ListNode;
  column: number;
  /** Items that the difference touches: from this one to before `after`; below 0: to the last one. */
  first: number;
  after: number;
  /** Where they stand in the earlier text. */
  start: number;
  end: number;
}

/** The items of a list in block style under one key that a difference touches. */
function itemOf(previous: Document, entry: Entry, begin: number, oldEnd: number, { from, to }: Change): Items | null {
  const list = entry.value;
  if (list.kind !== 'list' || list.flow || list.items.length < 2) return null;
  const column = list.range.start - (previous.text.lastIndexOf('\n', list.range.start - 1) + 1);
  const dashes = dashLines(previous.text, begin, oldEnd, column);
  if (!fits(list.items, dashes)) return null;
  const first = dashes.findLastIndex((dash) => dash + column + 1 < from);
  if (first < 0) return null;
  const after = dashes.findIndex((dash) => dash > to);
  return { list, column, first, after, start: dashes[first]!, end: after < 0 ? oldEnd : dashes[after]! };
}

/** Whether each item stands behind its dash. */
function fits(items: readonly Node[], places: readonly number[]): boolean {
  if (items.length !== places.length) return false;
  return items.every((item, i) => item.range.start > places[i]! && !(item.range.start > (places[i + 1] ?? Infinity)));
}

/** The same within a list in block style under one key: only the items that the difference touches are read again. */
function insideList(previous: Document, text: string, part: Part, mend: Mend): Entry | null {
  const { root, change, begin, oldEnd, still } = part;
  const entry = root.entries[part.first]!;
  const touched = itemOf(previous, entry, begin, oldEnd, change);
  if (!touched) return null;
  const { list, column, first, after, start, end } = touched;
  const { delta } = change;
  const written = text.slice(start, end + delta);
  if (blockStarts(written, 0, written.length).length > 0) return null;
  const piece = mend(written, 'list');
  const read = piece === null ? null : itemsIn(piece, previous.file, column);
  if (!read) return null;
  const place = (i: number): string => pointer(list.path, i);
  const added = read.items.length - ((after < 0 ? list.items.length : after) - first);
  const rest = after < 0 ? [] : list.items.slice(after);
  const items = [
    ...list.items.slice(0, first),
    ...read.items.map((item, i) => moveNode(item, start, [pointer('', i), place(first + i)])),
    ...(still
      ? rest
      : rest.map((item, i) =>
          moveNode(item, delta, added === 0 ? undefined : [place(after + i), place(after + i + added)]),
        )),
  ];
  const range = { start: list.range.start, end: after < 0 ? start + read.range.end : list.range.end + delta };
  return { ...entry, value: { ...list, range, items } };
}

/** The list that a piece of a text is, where it is nothing else. */
function itemsIn(piece: string, file: string, column: number): ListNode | null {
  const { root, broken, diagnostics } = parseDocument(piece, file);
  if (broken || diagnostics.length > 0 || root?.kind !== 'list' || root.flow || root.range.start !== column)
    return null;
  return fits(root.items, dashLines(piece, 0, piece.length, column)) ? root : null;
}

/** Offsets of the lines whose dash stands at a column. */
function dashLines(text: string, from: number, to: number, column: number): number[] {
  const lines: number[] = [];
  for (let at = from; at < to; ) {
    let i = at;
    while (i < to && text.charCodeAt(i) === 32) i++;
    if (i - at === column && text.charCodeAt(i) === 45 && /\s/.test(text[i + 1] ?? ' ')) lines.push(at);
    const next = text.indexOf('\n', i);
    if (next < 0) break;
    at = next + 1;
  }
  return lines;
}

/** Offsets of the lines that begin at the margin with a key. */
function blockStarts(text: string, from: number, to: number): number[] {
  const starts: number[] = [];
  for (let at = from; at < to; ) {
    const code = text.charCodeAt(at);
    const isKey = code !== 32 && code !== 9 && code !== 10 && code !== 13 && code !== 35;
    if (isKey && !(code === 45 && /\s/.test(text[at + 1] ?? ' '))) starts.push(at);
    const next = text.indexOf('\n', at);
    if (next < 0) break;
    at = next + 1;
  }
  return starts;
}

/** Whether every line at the margin is a key of the mapping, and every key such a line. */
function startsAt(entries: readonly Entry[], starts: readonly number[]): boolean {
  return (
    entries.length === starts.length &&
    entries.every((entry, i) => !entry.merged && entry.key.range.start === starts[i])
  );
}

interface Change {
  from: number;
  /** End of what differs, in the earlier text. */
  to: number;
  delta: number;
}

/** What differs: from … to in the earlier text, and by how much the text behind it has moved. */
function difference(before: string, after: string): Change {
  const most = Math.min(before.length, after.length);
  let from = 0;
  while (from < most && before.charCodeAt(from) === after.charCodeAt(from)) from++;
  let same = 0;
  while (
    same < most - from &&
    before.charCodeAt(before.length - 1 - same) === after.charCodeAt(after.length - 1 - same)
  )
    same++;
  return { from, to: before.length - same, delta: after.length - before.length };
}

/** Moves ranges, and where a prefix is given puts another one in the place of it in every path. */
function moveEntry(entry: Entry, by: number, prefix?: readonly [string, string]): Entry {
  if (by === 0 && !prefix) return entry;
  const { key, value, merged } = entry;
  return {
    key: { ...key, range: moveRange(key.range, by), path: movePath(key.path, prefix) },
    value: moveNode(value, by, prefix),
    merged,
  };
}

function moveNode(node: Node, by: number, prefix?: readonly [string, string]): Node {
  const range = moveRange(node.range, by);
  const path = movePath(node.path, prefix);
  if (node.kind === 'scalar') return { ...node, range, path };
  if (node.kind === 'list')
    return { ...node, range, path, items: node.items.map((item) => moveNode(item, by, prefix)) };
  return { ...node, range, path, entries: node.entries.map((entry) => moveEntry(entry, by, prefix)) };
}

function movePath(path: string, prefix: readonly [string, string] | undefined): string {
  return prefix ? prefix[1] + path.slice(prefix[0].length) : path;
}

function moveRange({ start, end }: Range, by: number): Range {
  return { start: start + by, end: end + by };
}
