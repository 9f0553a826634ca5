import type { Fix } from '../model/diagnostic.ts';
import type { Schema } from '../spec/schema.ts';
import type { Entry, ListNode, MapNode, Node, ScalarNode } from '../text/node.ts';
import { quoteYaml } from '../text/quote.ts';
import { type Host, PARTIAL_SCHEMAS, type Place, RUNTIME_SCHEMAS } from './host.ts';
import { reportUnknownKey } from './keys.ts';
import { scalarValue, typesOf } from './scalars.ts';
import { listWords, meant } from './suggest.ts';
import { joinSplitEntries, joinSplitItems } from './traps.ts';

/**
 * Holds a node against a schema, reports what does not fit, and returns the node in its one normal form: shorthands
 * written out, scalars as the schema's type, unknown keys left out. null where nothing usable is left. The same walk
 * serves checks, compilation, hover and completion.
 */
export function walk(node: Node, schema: Schema, host: Host, outer: Place): Node | null {
  host.visit?.(node, schema);
  const place = placeIn(schema, outer);
  if (node.kind === 'scalar' && node.style === 'empty') return emptyValue(node, schema, host);
  if (node.kind === 'scalar' && node.style === 'plain' && node.value === null) return node;
  if (schema['x-step']) return walkStep(node, schema, host, place);
  const types = typesOf(schema);
  const shorthand = schema['x-shorthand'];
  if (shorthand === '' && types.includes('array') && node.kind !== 'list')
    return walk(listOf(node), schema, host, place);
  if (shorthand && isSwitch(node, schema, shorthand)) return wrongKind(node, schema, host);
  if (shorthand && node.kind !== 'map') return walk(mapOf(shorthand, node), schema, host, place);
  if (schema['x-union'])
    return node.kind === 'map' ? walkUnion(node, schema, host, place) : wrongKind(node, schema, host);
  if (node.kind === 'map' && types.includes('object')) return walkMap(node, schema, host, place);
  if (node.kind === 'list' && types.includes('array')) return walkList(node, schema, host, place);
  if (node.kind === 'scalar' && types.some((type) => type !== 'object' && type !== 'array')) {
    return scalarValue(node, schema, host, place);
  }
  return wrongKind(node, schema, host);
}

/** `not_null: true` is no list of columns. */
function isSwitch(node: Node, schema: Schema, shorthand: string): boolean {
  if (node.kind !== 'scalar' || node.style !== 'plain' || typeof node.value !== 'boolean') return false;
  const meant = schema.properties?.[shorthand];
  return meant !== undefined && typesOf(meant).includes('array');
}

function placeIn(schema: Schema, outer: Place): Place {
  if (PARTIAL_SCHEMAS.has(schema)) return { ...outer, partial: true };
  return RUNTIME_SCHEMAS.has(schema) ? { ...outer, runtime: true } : outer;
}

/** Stands for a value that was reported: its key is given, and nothing more is to be said about it. */
function hole(node: Node): ScalarNode {
  return {
    kind: 'scalar',
    file: node.file,
    range: node.range,
    path: node.path,
    value: null,
    source: '',
    style: 'empty',
  };
}

function listOf(node: Node): ListNode {
  return { kind: 'list', file: node.file, range: node.range, path: node.path, items: [node], flow: true };
}

function mapOf(key: string, value: Node): MapNode {
  const { file, range, path } = value;
  return { kind: 'map', file, range, path, entries: [{ key: keyNode(key, value), value, merged: false }], flow: true };
}

function keyNode(key: string, at: Node): ScalarNode {
  return { kind: 'scalar', file: at.file, range: at.range, path: at.path, value: key, source: key, style: 'plain' };
}

function emptyValue(node: ScalarNode, schema: Schema, host: Host): null {
  const key = keyBefore(node);
  const isBag = typesOf(schema).includes('object') && (schema.required ?? []).length === 0 && !schema['x-union'];
  const fix =
    isBag && !schema['x-step'] ? { title: 'Write `{}`', edits: [{ range: node.range, text: ' {}' }] } : undefined;
  host.report('schema/empty-value', node, key ? `\`${key}\` has no value.` : 'This list entry is empty.', {
    fix,
    range: emptyRange(node, host),
  });
  return null;
}

function keyBefore(node: Node): string {
  const last = node.path
    .slice(node.path.lastIndexOf('/') + 1)
    .replaceAll('~1', '/')
    .replaceAll('~0', '~');
  return /^\d+$/.test(last) ? '' : last;
}

/** An empty value has no width: its key or dash is shown. */
function emptyRange(node: ScalarNode, host: Host): { start: number; end: number } {
  const { text } = host.document;
  let end = Math.min(node.range.start, text.length);
  while (end > 0 && /\s/.test(text[end - 1]!)) end--;
  const start = text.slice(0, end).search(/[^\s{[,]+$/);
  return { start: start < 0 ? Math.max(0, end - 1) : start, end: Math.max(end, 1) };
}

const KIND_TEXT = { scalar: 'a single value', map: 'a mapping', list: 'a list' } as const;
const TYPE_TEXT: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a mapping of keys',
  array: 'a list',
};

/** What a list or a mapping looks like, where that is all that is possible. */
function shape(schema: Schema): string {
  const [type, other] = typesOf(schema);
  if (other !== undefined) return '';
  if (type === 'array') return ': each entry begins with `- `';
  const keys = type === 'object' ? Object.keys(schema.properties ?? {}) : [];
  return keys.length > 0 ? `: ${listWords(keys, 6)}` : '';
}

function wrongKind(node: Node, schema: Schema, host: Host): null {
  const wanted = typesOf(schema)
    .map((type) => TYPE_TEXT[type] ?? type)
    .join(' or ');
  host.report(
    'schema/type',
    node,
    `${wanted[0]?.toUpperCase()}${wanted.slice(1)} is expected here, not ${KIND_TEXT[node.kind]}${shape(schema)}.`,
    { fix: asList(node, schema, host) ?? asType(node, schema) },
  );
  return null;
}

/** `drop: a` is most likely `drop: [a]`. */
function asList(node: Node, schema: Schema, host: Host): Fix | undefined {
  const single = node.kind === 'scalar' && typeof node.value === 'string' && /^[\w.-]+$/.test(node.source);
  if (!single || schema.items?.type !== 'string' || !typesOf(schema).includes('array')) return undefined;
  const text = `[${host.document.text.slice(node.range.start, node.range.end)}]`;
  return { title: `Write \`${text}\``, edits: [{ range: node.range, text }] };
}

function walkList(node: ListNode, schema: Schema, host: Host, place: Place): Node {
  const items: Node[] = [];
  // What stands in a list is never merged with anything, so nothing can still come from elsewhere.
  const inside = { ...place, partial: false };
  for (const item of joinSplitItems(host, node)) {
    if (isNullWord(item)) {
      reportNullWord(item, host);
      continue;
    }
    const value = schema.items ? walk(item, schema.items, host, inside) : item;
    if (value) items.push(value);
  }
  if (schema.minItems !== undefined && node.items.length < schema.minItems) {
    host.report(
      'schema/length',
      node,
      schema.minItems === 1 ? 'This list is empty.' : `At least ${schema.minItems} entries are expected.`,
    );
  }
  if (schema.uniqueItems) reportRepeated(items, host);
  return { ...node, items };
}

/** `destination: duckdb` is most likely `destination: {type: duckdb}`. */
function asType(node: Node, schema: Schema): Fix | undefined {
  const union = schema['x-union'];
  if (node.kind !== 'scalar' || !union || !Object.hasOwn(union.of, node.source)) return undefined;
  const text = `{${union.key}: ${node.source}}`;
  return { title: `Write \`${text}\``, edits: [{ range: node.range, text }] };
}

function isNullWord(item: Node): item is ScalarNode {
  return item.kind === 'scalar' && item.style === 'plain' && item.value === null;
}

function reportNullWord(item: ScalarNode, host: Host): void {
  const text = quoteYaml(item.source);
  host.report('schema/type', item, `\`${item.source}\` is no value to YAML; as a text it must be in quotes.`, {
    fix: { title: 'Put the text in quotes', edits: [{ range: item.range, text }] },
  });
}

function reportRepeated(items: readonly Node[], host: Host): void {
  const seen = new Set<string>();
  for (const item of items) {
    if (item.kind !== 'scalar') continue;
    const text = String(item.value);
    if (seen.has(text)) host.report('schema/repeated', item, `\`${text}\` stands in this list already.`);
    seen.add(text);
  }
}

function walkMap(node: MapNode, schema: Schema, host: Host, place: Place): MapNode {
  const properties = schema.properties ?? {};
  const known = Object.keys(properties);
  const others = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : null;
  const entries: Entry[] = [];
  for (const entry of joinSplitEntries(host, node)) {
    const key = entry.key.source;
    const own = Object.hasOwn(properties, key) ? properties[key] : others;
    if (own) entries.push({ ...entry, value: walk(entry.value, own, host, place) ?? hole(entry.value) });
    if (own || isFree(node, key)) continue;
    const meant = reportUnknownKey(host, node, entry, schema, known);
    // What was probably meant is read as such, so that one slip is not followed by what is missing without it.
    const inner = meant === undefined ? undefined : properties[meant];
    if (!inner || meant === undefined) continue;
    entries.push({
      ...entry,
      key: { ...entry.key, source: meant },
      value: walk(entry.value, inner, host, place) ?? hole(entry.value),
    });
  }
  const result: MapNode = { ...node, entries };
  if (!place.partial) requireKeys(result, schema, host);
  return result;
}

/** Top-level keys that begin with `x-` hold anchors. */
function isFree(node: MapNode, key: string): boolean {
  return node.path === '' && key.startsWith('x-');
}

/** Reports required keys that a mapping in normal form lacks. */
export function requireKeys(map: MapNode, schema: Schema, host: Pick<Host, 'report'>): void {
  for (const key of schema.required ?? []) {
    const entry = map.entries.find((e) => e.key.source === key);
    const isNull = entry?.value.kind === 'scalar' && entry.value.value === null && entry.value.style === 'plain';
    if (!entry || isNull) host.report('schema/required', map, `\`${key}\` is missing.`, firstLine(map));
  }
  if (schema.minProperties !== undefined && map.entries.length < schema.minProperties) {
    const known = Object.keys(schema.properties ?? {});
    host.report('schema/required', map, `At least one of ${listWords(known)} is expected here.`, firstLine(map));
  }
}

/** A mapping's first key stands for the whole, so that a missing key does not underline half the file. */
function firstLine(map: MapNode): { range?: { start: number; end: number } } {
  const first = map.entries.find((entry) => !entry.merged && entry.key.file === map.file)?.key.range;
  return !map.flow && first && first.start >= map.range.start && first.end <= map.range.end ? { range: first } : {};
}

function walkUnion(node: MapNode, schema: Schema, host: Host, place: Place): Node | null {
  const union = schema['x-union']!;
  const entry = node.entries.find((e) => e.key.source === union.key) ?? misspeltType(node, schema, host);
  const written = entry?.value.kind === 'scalar' && entry.value.value !== null ? entry.value : undefined;
  if (entry && !written) {
    walk(entry.value, typeKey(schema), host, place);
    return null;
  }
  if (written) host.visit?.(written, typeKey(schema));
  const type = written ? host.text(written, written.source, false) : host.typeOf(schema, node);
  const known = Object.keys(union.of);
  if (type === undefined) {
    if (place.partial) return walkMap(node, anyOf(schema), host, place);
    host.report('schema/required', node, `\`${union.key}\` is missing: ${listWords(known)}.`, firstLine(node));
    return null;
  }
  const chosen = Object.hasOwn(union.of, type) ? union.of[type]! : null;
  if (!chosen) {
    if (written) reportUnknownType(written, type, schema, known, host);
    return null;
  }
  host.visit?.(node, chosen);
  const rest = { ...node, entries: node.entries.filter((e) => e.key.range !== entry?.key.range) };
  const walked = walkMap(
    rest,
    { ...chosen, 'x-synonyms': { ...schema['x-synonyms'], ...chosen['x-synonyms'] } },
    host,
    place,
  );
  const at = written ?? node;
  const typeEntry: Entry = {
    key: entry?.key ?? keyNode(union.key, at),
    value: { ...keyNode(type, at), style: written?.style ?? 'plain' },
    merged: entry?.merged ?? false,
  };
  return { ...walked, entries: [typeEntry, ...walked.entries] };
}

/** The key that was meant as the one that tells the variants apart, where no other is spelled so nearly; it is reported. */
function misspeltType(node: MapNode, schema: Schema, host: Host): Entry | undefined {
  const { key } = schema['x-union']!;
  const { properties = {} } = anyOf(schema);
  const known = [...Object.keys(properties), key];
  const found = node.entries.find(
    (entry) =>
      entry.value.kind === 'scalar' &&
      !Object.hasOwn(properties, entry.key.source) &&
      meant(entry.key.source, known, schema['x-synonyms']) === key,
  );
  if (found) reportUnknownKey(host, node, found, schema, known);
  return found && { ...found, key: { ...found.key, source: key } };
}

const typeKeys = new WeakMap<Schema, Schema>();

/** The schema of a union's `type` key: the variants by name, each with its title. */
export function typeKey(union: Schema): Schema {
  let made = typeKeys.get(union);
  if (!made) {
    const { key, of } = union['x-union']!;
    const text = Object.entries(of).map(([name, variant]) => variant.title ?? variant.description ?? name);
    const description = `Which \`${key}\` it is; it decides which other keys there are.`;
    made = { type: 'string', enum: Object.keys(of), 'x-enum-text': text, description };
    typeKeys.set(union, made);
  }
  return made;
}

const merged = new WeakMap<Schema, Schema>();

/** The keys of all variants: for an object whose type is decided by what it is laid over. */
function anyOf(schema: Schema): Schema {
  let all = merged.get(schema);
  if (!all) {
    const variants = Object.values(schema['x-union']!.of).reverse();
    const properties = Object.assign({}, ...variants.map((variant) => variant.properties)) as Record<string, Schema>;
    all = { type: 'object', properties, additionalProperties: false, 'x-synonyms': schema['x-synonyms'] ?? {} };
    merged.set(schema, all);
  }
  return all;
}

function reportUnknownType(node: ScalarNode, type: string, schema: Schema, known: readonly string[], host: Host): void {
  const suggestion = meant(type, known, schema['x-value-synonyms']);
  const message = suggestion
    ? `There is no \`${type}\`; did you mean \`${suggestion}\`?`
    : `There is no \`${type}\`; possible are ${listWords(known)}.`;
  const fix = suggestion
    ? { title: `Use \`${suggestion}\``, edits: [{ range: node.range, text: suggestion }] }
    : undefined;
  host.report('schema/unknown-type', node, message, { fix });
}

function walkStep(node: Node, schema: Schema, host: Host, place: Place): Node | null {
  const properties = schema.properties ?? {};
  const known = Object.keys(properties);
  if (node.kind === 'scalar' && typeof node.value === 'string') {
    if (Object.hasOwn(properties, node.source)) return walkStep(bareStep(node), schema, host, place);
    const suggestion = meant(node.source, known, schema['x-synonyms']);
    host.report(
      'schema/step',
      node,
      `\`${node.source}\` is no step${suggestion ? `; did you mean \`${suggestion}\`?` : `; possible are ${listWords(known)}.`}`,
      {
        fix:
          suggestion === undefined
            ? undefined
            : { title: `Use \`${suggestion}\``, edits: [{ range: node.range, text: suggestion }] },
      },
    );
    return null;
  }
  if (node.kind !== 'map') return wrongKind(node, schema, host);
  const [first, second] = joinSplitEntries(host, node);
  if (!first) {
    host.report('schema/step', node, `A step is expected here: ${listWords(known)}.`);
    return null;
  }
  if (second) {
    const isStep = Object.hasOwn(properties, second.key.source);
    const mend = isStep ? 'begin it with a dash of its own' : 'indent it under the step that it belongs to';
    const message = /\/\d+$/.test(node.path)
      ? `An entry of this list holds one step; \`${second.key.source}\` is a second key: ${mend}.`
      : `One of ${listWords(known)} stands here; \`${second.key.source}\` is a second key.`;
    host.report('schema/step', second.key, message);
    if (first.value.kind === 'scalar' && first.value.style === 'empty') return null;
  }
  const own = { ...schema, required: [] };
  return walkMap({ ...node, entries: [first] }, own, host, { ...place, partial: false });
}

function bareStep(node: ScalarNode): MapNode {
  const { file, range, path } = node;
  const value: MapNode = { kind: 'map', file, range, path, entries: [], flow: true };
  return { ...value, entries: [{ key: node, value, merged: false }] };
}
