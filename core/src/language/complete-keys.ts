import { typeKey } from '../check/walk.ts';
import type { Schema } from '../spec/schema.ts';
import type { MapNode } from '../text/node.ts';
import { textOf } from '../text/node.ts';
import { lineAt } from '../text/position.ts';
import { type Caret, MARK } from './caret.ts';
import { docsOf, typeWords } from './docs.ts';
import { SnippetWriter, snippetText } from './snippets.ts';
import type { Completion } from './types.ts';

/**
 * Keys of the mapping that the caret is in: those that are missing first, then in the language's own order from the last key above
 * the caret on, since that is how files are written.
 */
export function completeKeys(caret: Caret): Completion[] {
  const keys = new Map<string, { schema: Schema; required: boolean }>();
  let own: ReadonlySet<string> = new Set();
  for (const { node, schema } of caret.keys) {
    own = new Set(node.entries.flatMap((entry) => (entry.merged ? [] : [entry.key.source])));
    if (schema['x-step'] && node.entries.length > 1) return [];
    const isLaid = /^\/(?:streams|defaults)\/\d+\/./.test(node.path);
    for (const [key, inner] of fromLastOn(node, keysOf(node, schema)))
      keys.set(key, isLaid ? { ...inner, required: false } : inner);
  }
  const known = [...keys].filter(([key]) => !own.has(key));
  known.sort(([, a], [, b]) => Number(b.required) - Number(a.required));
  return shortFirst(known).map(([key, { schema, required }]) => keyItem(caret, key, schema, required));
}

function keysOf(node: MapNode, schema: Schema): [string, { schema: Schema; required: boolean }][] {
  const union = schema['x-union'];
  if (union) {
    const given = textOf(node, 'connection') !== undefined;
    const type: [string, { schema: Schema; required: boolean }] = [
      union.key,
      { schema: typeKey(schema), required: !given },
    ];
    return [type, ...common(Object.values(union.of))];
  }
  const properties = Object.entries(schema.properties ?? {});
  return properties.map(([key, inner]) => [key, { schema: inner, required: schema.required?.includes(key) === true }]);
}

type Key = [string, { schema: Schema; required: boolean }];

/** The keys behind the last one that stands above the mark, then those before it. */
function fromLastOn(node: MapNode, keys: readonly Key[]): readonly Key[] {
  const mark = node.entries.findIndex(({ key }) => key.source === MARK);
  const above = node.entries.slice(0, Math.max(0, mark)).filter(({ merged }) => !merged);
  const last = keys.findIndex(([key]) => key === above.at(-1)?.key.source);
  return last < 0 ? keys : [...keys.slice(last + 1), ...keys.slice(0, last + 1)];
}

/** A key that another one begins with comes before that one: else whoever types it never has it first. */
function shortFirst(keys: readonly Key[]): readonly Key[] {
  const sorted: Key[] = [];
  for (const key of keys) {
    const longer = sorted.findIndex(([other]) => other.startsWith(key[0]));
    if (longer < 0) sorted.push(key);
    else sorted.splice(longer, 0, key);
  }
  return sorted;
}

/** Keys that every variant of a union has. */
function common(variants: readonly Schema[]): [string, { schema: Schema; required: boolean }][] {
  const [first, ...others] = variants;
  return Object.entries(first?.properties ?? {}).flatMap(
    ([key, schema]): [string, { schema: Schema; required: boolean }][] =>
      others.every((other) => other.properties && Object.hasOwn(other.properties, key))
        ? [[key, { schema, required: false }]]
        : [],
  );
}

function keyItem(caret: Caret, key: string, schema: Schema, required: boolean): Completion {
  const { text } = caret;
  const line = lineAt(text, caret.range.start);
  const lead = /^\s*/.exec(text.slice(line.start, caret.range.start))?.[0].length ?? 0;
  const indent = caret.range.start - line.start - lead + (caret.dash ? 2 : 0);
  const moved =
    caret.indent === null ? {} : movedTo(caret.indent, key, text.slice(line.start, caret.range.start), caret);
  return {
    label: key,
    kind: 'key',
    detail: required ? `required · ${typeWords(schema)}` : typeWords(schema),
    documentation: () => docsOf(key, schema, { required }),
    insert: bodyOf(caret, key, schema, indent),
    range: caret.range,
    ...moved,
  };
}

/** A line that is indented too far is put right with its key. */
function movedTo(indent: number, key: string, lead: string, caret: Caret): Partial<Completion> {
  const range = { start: caret.range.start - lead.length, end: caret.range.end };
  return { insert: `${' '.repeat(indent)}${snippetText(key)}: $1`, range, filter: lead + key };
}

function bodyOf(caret: Caret, key: string, schema: Schema, indent: number): string {
  if (caret.colon || caret.quote) return snippetText(key);
  if (caret.flow) return `${snippetText(key)}: $1`;
  return new SnippetWriter().entry(key, schema, indent);
}
