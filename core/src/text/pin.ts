import type { JsonObject } from '../model/json.ts';
import { blockEdit, type Edit, edited, flowText, indentOf, inFlow, lastValue } from './edit.ts';
import { child, type Document, entryOf, type ListNode, type MapNode, textOf } from './node.ts';
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
  const edits = [...columnEdits(text, at, root, pins, left), ...formatEdits(text, at, root, pins, left)];
  return { text: edited(text, edits), left };
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
