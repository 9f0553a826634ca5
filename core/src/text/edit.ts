import type { Json, JsonObject } from '../model/json.ts';
import type { MapNode, Node } from './node.ts';

/** A piece of a text that is to be another. */
export interface Edit {
  at: number;
  to: number;
  text: string;
}

/** The text with its edits done, which touch nothing twice; line ends stay as they are in it. */
export function edited(text: string, edits: readonly Edit[]): string {
  const eol = /\r\n/.test(text) ? '\r\n' : '\n';
  let result = text;
  for (const edit of [...edits].sort((a, b) => b.at - a.at)) {
    result = result.slice(0, edit.at) + edit.text.replaceAll('\n', eol) + result.slice(edit.to);
  }
  return result;
}

/** The last thing that a mapping holds. */
export function lastValue(map: MapNode): Node {
  const last = map.entries.filter((entry) => !entry.merged).at(-1);
  return last ? (last.value.range.end > last.key.range.end ? last.value : last.key) : map;
}

/** Column of a mapping's keys. */
export function indentOf(text: string, map: MapNode): number {
  const key = map.entries.find((entry) => !entry.merged)?.key.range.start ?? map.range.start;
  return key - (text.lastIndexOf('\n', key - 1) + 1);
}

/** Lines behind a node, on lines of their own; a comment at the node's end stays where it is. */
export function blockEdit(text: string, after: Node, indent: number, yaml: string): Edit {
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

/** Entries at the end of a mapping between braces. */
export function inFlow(text: string, map: MapNode, value: JsonObject): Edit {
  const close = text.lastIndexOf('}', map.range.end - 1);
  let at = close;
  while (at > 0 && /[\s,]/.test(text[at - 1] ?? '')) at--;
  const inner = flowText(value).slice(1, -1);
  return { at, to: at, text: map.entries.length > 0 ? `, ${inner}` : inner };
}

/** JSON is YAML's flow style, with plain words for what needs no quotes. */
export function flowText(value: Json): string {
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
