import type { JsonObject } from '../model/json.ts';
import { child, type Document, entryOf, type ListNode, type MapNode, type Node, textOf } from './node.ts';
import { writeYaml } from './write.ts';

/** What `infer --write` puts into a job file. */
export interface Pins {
  /** Index of the entry of `streams`; null: the job itself. */
  stream: number | null;
  /** Columns in the source's order. */
  columns: { name: string; type: string }[];
  /** null: the source's format is left alone. */
  format: { type: string; settings: JsonObject } | null;
}

export interface Pinned {
  text: string;
  /** What could not be put in, in words. */
  left: string[];
}

interface Edit {
  at: number;
  to: number;
  text: string;
}

/**
 * Puts columns and format into a job file by insertions alone: comments, order and all that is written stay as they are. What
 * has a type keeps it.
 */
export function pinInto(document: Document, pins: Pins): Pinned {
  const { root, text } = document;
  const streams = child(root, 'streams');
  const at = pins.stream === null ? root : streams?.kind === 'list' ? streams.items[pins.stream] : undefined;
  const left: string[] = [];
  if (at?.kind !== 'map' || root?.kind !== 'map') return { text, left: ['the file is no mapping'] };
  const eol = /\r\n/.test(text) ? '\r\n' : '\n';
  const edits = [...columnEdits(text, at, root, pins, left), ...formatEdits(text, at, root, pins, left)];
  let result = text;
  for (const edit of edits.sort((a, b) => b.at - a.at)) {
    result = result.slice(0, edit.at) + edit.text.replaceAll('\n', eol) + result.slice(edit.to);
  }
  return { text: result, left };
}

function columnEdits(text: string, at: MapNode, root: MapNode, pins: Pins, left: string[]): Edit[] {
  if (pins.columns.length === 0) return [];
  const list = child(at, 'columns');
  if (list === undefined && at !== root && entryOf(root, 'columns')) {
    left.push('`columns` stand at the job, for all of its streams: they are left as they are');
    return [];
  }
  if (list === undefined) {
    const after = entryOf(at, 'source')?.value ?? at;
    if (at.flow) return [inFlow(text, at, { columns: pins.columns })];
    return [blockEdit(text, after, indentOf(text, at), writeYaml({ columns: pins.columns }))];
  }
  if (list.kind !== 'list') {
    left.push('`columns` is no list');
    return [];
  }
  return listEdits(text, list, pins.columns);
}

/** Types for entries that have none, and entries for columns that have none. */
function listEdits(text: string, list: ListNode, columns: Pins['columns']): Edit[] {
  const edits: Edit[] = [];
  const known = new Set<string>();
  for (const item of list.items) {
    if (item.kind !== 'map') continue;
    const source = textOf(item, 'from') ?? textOf(item, 'name');
    for (const name of [source, textOf(item, 'name')]) if (name !== undefined) known.add(name);
    const found = columns.find(({ name }) => name === textOf(item, 'name'));
    const fixed = ['type', 'metadata', 'derived', 'mask'].some((key) => entryOf(item, key));
    if (!found || fixed) continue;
    if (item.flow) edits.push(inFlow(text, item, { type: found.type }));
    else
      edits.push(
        blockEdit(text, entryOf(item, 'name')?.value ?? item, indentOf(text, item), writeYaml({ type: found.type })),
      );
  }
  const missing = columns.filter(({ name }) => !known.has(name));
  if (missing.length === 0) return edits;
  const last = list.items.at(-1);
  if (list.flow || !last) {
    const items = missing.map((column) => flowText({ ...column })).join(', ');
    const close = text.lastIndexOf(']', list.range.end - 1);
    edits.push({ at: close, to: close, text: list.items.length > 0 ? `, ${items}` : items });
  } else {
    const dash = text.lastIndexOf('-', last.range.start);
    const indent = dash - (text.lastIndexOf('\n', dash) + 1);
    edits.push(blockEdit(text, last, indent, writeYaml(missing)));
  }
  return edits;
}

function formatEdits(text: string, at: MapNode, root: MapNode, pins: Pins, left: string[]): Edit[] {
  const { format } = pins;
  if (!format) return [];
  const own = child(at, 'source');
  const source = own ?? child(root, 'source');
  if (source?.kind !== 'map') {
    left.push('the source stands elsewhere: its format is left as it is');
    return [];
  }
  const written = entryOf(source, 'format')?.value;
  const whole = { type: format.type, ...format.settings };
  if (written === undefined) {
    if (source.flow) return [inFlow(text, source, { format: whole })];
    return [blockEdit(text, lastValue(source), indentOf(text, source), writeYaml({ format: whole }))];
  }
  if (written.kind === 'scalar') {
    if (Object.keys(format.settings).length === 0 || source.flow) return [];
    const lines = writeYaml(whole).trimEnd().split('\n');
    const pad = ' '.repeat(indentOf(text, source) + 2);
    const start = text.lastIndexOf(':', written.range.start) + 1;
    const block = lines.map((line) => `\n${pad}${line}`).join('');
    return [{ at: start, to: written.range.end, text: block }];
  }
  if (written.kind !== 'map') return [];
  const missing = Object.entries(format.settings).filter(([key]) => !entryOf(written, key));
  if (missing.length === 0) return [];
  const added = Object.fromEntries(missing);
  if (written.flow) return [inFlow(text, written, added)];
  return [blockEdit(text, lastValue(written), indentOf(text, written), writeYaml(added))];
}

function lastValue(map: MapNode): Node {
  const last = map.entries.filter((entry) => !entry.merged).at(-1);
  return last ? (last.value.range.end > last.key.range.end ? last.value : last.key) : map;
}

/** Column of a mapping's keys. */
function indentOf(text: string, map: MapNode): number {
  const key = map.entries.find((entry) => !entry.merged)?.key.range.start ?? map.range.start;
  return key - (text.lastIndexOf('\n', key - 1) + 1);
}

/** Lines behind a node, on lines of their own; a comment at the node's end stays where it is. */
function blockEdit(text: string, after: Node, indent: number, yaml: string): Edit {
  let end = after.range.end;
  while (end > 0 && /\s/.test(text[end - 1] ?? '')) end--;
  const next = text.indexOf('\n', end);
  const at = next < 0 ? text.length : next;
  const before = text[at - 1] === '\r' ? at - 1 : at;
  const pad = ' '.repeat(indent);
  const lines = yaml
    .trimEnd()
    .split('\n')
    .map((line) => `\n${line === '' ? '' : pad}${line}`);
  return { at: before, to: before, text: lines.join('') };
}

function inFlow(text: string, map: MapNode, value: JsonObject): Edit {
  const close = text.lastIndexOf('}', map.range.end - 1);
  let at = close;
  while (at > 0 && /[\s,]/.test(text[at - 1] ?? '')) at--;
  const inner = flowText(value).slice(1, -1);
  return { at, to: at, text: map.entries.length > 0 ? `, ${inner}` : inner };
}

/** JSON is YAML's flow style, with plain words for what needs no quotes. */
function flowText(value: JsonObject): string {
  const item = (one: unknown): string => {
    if (Array.isArray(one)) return `[${one.map(item).join(', ')}]`;
    if (one !== null && typeof one === 'object') {
      return `{${Object.entries(one)
        .map(([key, inner]) => `${item(key)}: ${item(inner)}`)
        .join(', ')}}`;
    }
    const plain = typeof one === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(one) && !/^(true|false|null)$/i.test(one);
    return plain ? one : JSON.stringify(one);
  };
  return item(value);
}
