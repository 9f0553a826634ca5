import { typesOf } from '../check/scalars.ts';
import { SCALAR_KINDS } from '../model/type.ts';
import { parseCron } from '../schedule/cron.ts';
import { describeCron } from '../schedule/describe.ts';
import type { Schema, TextKind } from '../spec/schema.ts';
import * as specs from '../specs.ts';
import { type ScalarNode, textOf } from '../text/node.ts';
import type { Caret } from './caret.ts';
import { find } from './column-flow.ts';
import { columnsFor } from './complete-columns.ts';
import { likelyFirst } from './likely.ts';
import { SnippetWriter, snippetText, yamlText } from './snippets.ts';
import type { Completion, LanguageContext } from './types.ts';
import { nodeOf, pathParts } from './visits.ts';

/** Values of a place: of an enum, a type, a kind of text, or names that the project has. */
export function completeValues(context: LanguageContext, caret: Caret, node: ScalarNode, schema: Schema): Completion[] {
  if (schema['x-kind']?.startsWith('sql-')) return [];
  const shorthand = schema['x-shorthand'];
  const items: Completion[] = [];
  if (schema['x-union'] && shorthand) items.push(...unionItems(caret, schema));
  else if (schema['x-step']) return stepItems(caret, schema);
  else if (shorthand && schema.properties?.[shorthand])
    return completeValues(context, caret, node, schema.properties[shorthand]);
  if (schema.enum) items.push(...likelyFirst(context, caret, node, enumItems(caret, schema)));
  else if (typesOf(schema).includes('boolean')) items.push(...booleanItems(caret, schema));
  const kind = schema['x-kind'];
  if (kind) items.push(...(KINDS[kind]?.(context, caret, node) ?? []));
  if (kind === undefined && items.length === 0) items.push(...tableItems(caret, node));
  return items;
}

/** A table is mostly called like what fills it. */
function tableItems(caret: Caret, node: ScalarNode): Completion[] {
  const parts = pathParts(node.path);
  if (parts.at(-1) !== 'table' || parts.at(-2) !== 'destination') return [];
  const filling = nodeOf(caret.document.root, parts.slice(0, -2));
  const name = textOf(filling, 'name');
  return name === undefined ? [] : [value(caret, name, { detail: parts.length > 2 ? 'the stream' : 'the job' })];
}

function value(caret: Caret, text: string, more: Partial<Completion> = {}): Completion {
  const insert = snippetText(caret.quote ? text : yamlText(text));
  return { label: text, kind: 'value', insert, range: caret.range, ...more };
}

function unionItems(caret: Caret, schema: Schema): Completion[] {
  return Object.entries(schema['x-union']!.of).map(([type, variant]) =>
    value(caret, type, { kind: 'type', detail: variant.title ?? '', documentation: () => variant.description ?? '' }),
  );
}

function stepItems(caret: Caret, schema: Schema): Completion[] {
  return Object.entries(schema.properties ?? {}).map(([type, inner]) => ({
    label: type,
    kind: 'key',
    detail: inner.title ?? '',
    documentation: () => inner.description ?? '',
    insert: new SnippetWriter().entry(type, inner, 2),
    range: caret.range,
  }));
}

function enumItems(caret: Caret, schema: Schema): Completion[] {
  return (schema.enum ?? []).map((word, i) =>
    value(caret, String(word), {
      insert: caret.quote || typeof word === 'string' ? value(caret, String(word)).insert : String(word),
      detail: word === schema.default ? 'default' : '',
      documentation: () => schema['x-enum-text']?.[i] ?? '',
    }),
  );
}

function booleanItems(caret: Caret, schema: Schema): Completion[] {
  return [true, false].map((word) => ({
    label: String(word),
    kind: 'value',
    insert: String(word),
    range: caret.range,
    detail: word === schema.default ? 'default' : '',
  }));
}

/** Where nothing else is known: the examples of the schema. */
export function exampleItems(caret: Caret, schema: Schema): Completion[] {
  const texts = [...(schema.examples ?? []), schema.default].flatMap((example) =>
    typeof example === 'string' && example !== '' ? [example] : typeof example === 'number' ? [String(example)] : [],
  );
  return [...new Set(texts)].map((text) =>
    value(caret, text, { ...(typesOf(schema).includes('string') ? {} : { insert: text }), detail: 'example' }),
  );
}

type KindItems = (context: LanguageContext, caret: Caret, node: ScalarNode) => Completion[];

const CRONS = [
  '0 2 * * *',
  '@hourly',
  '*/15 * * * *',
  '@daily',
  '30 6 * * 1-5',
  '0 3 * * 0',
  '0 4 1 * *',
  '@weekly',
  '@monthly',
];
const STRFTIME: Readonly<Record<string, string>> = {
  '%Y-%m-%d': '2026-03-01',
  '%d/%m/%Y': '01/03/2026',
  '%m/%d/%Y': '03/01/2026',
  '%d.%m.%Y': '01.03.2026',
  '%Y%m%d': '20260301',
  '%Y-%m-%d %H:%M:%S': '2026-03-01 14:30:00',
  '%Y-%m-%dT%H:%M:%S%z': '2026-03-01T14:30:00+0100',
  '%d/%m/%Y %H:%M': '01/03/2026 14:30',
  '%H:%M:%S': '14:30:00',
};

const listed =
  (texts: readonly string[]): KindItems =>
  (_, caret) =>
    texts.map((text) => value(caret, text));

const KINDS: Partial<Record<TextKind, KindItems>> = {
  type: typeItems,
  connection: connectionItems,
  channel: channelItems,
  job: jobItems,
  cron: cronItems,
  timezone: (_, caret) => zones().map((zone) => value(caret, zone)),
  duration: listed(['30s', '1m', '5m', '15m', '30m', '1h', '2h', '12h', '1d', '7d']),
  size: listed(['256MB', '512MB', '1GB', '2GB', '4GB', '8GB', '16GB']),
  strftime: (_, caret) => Object.entries(STRFTIME).map(([text, detail]) => value(caret, text, { detail })),
  secret: (_, caret) => [
    {
      label: '${env:…}',
      kind: 'snippet',
      detail: 'an environment variable',
      insert: '\\${env:${1:NAME}\\}',
      range: caret.range,
      filter: '${env:NAME}',
    },
    {
      label: '${file:…}',
      kind: 'snippet',
      detail: 'a mounted file',
      insert: '\\${file:/run/secrets/${1:name}\\}',
      range: caret.range,
      filter: '${file:name}',
    },
    {
      label: '${secret:…}',
      kind: 'snippet',
      detail: 'a secret of a provider',
      insert: '\\${secret:${1:store}/${2:path}\\}',
      range: caret.range,
      filter: '${secret:store}',
    },
  ],
};

function cronItems(_: LanguageContext, caret: Caret): Completion[] {
  return CRONS.map((text) => {
    const parsed = parseCron(text);
    const words = parsed.ok ? describeCron(parsed.cron, 'UTC').replace(' (UTC)', '') : '';
    return value(caret, text, { kind: 'snippet', detail: words, filter: `${text} ${words}` });
  });
}

let known: string[] | undefined;

function zones(): string[] {
  known ??= ['UTC', ...Intl.supportedValuesOf('timeZone')];
  return known;
}

function typeItems(context: LanguageContext, caret: Caret, node: ScalarNode): Completion[] {
  const parts = pathParts(node.path);
  const rule = nodeOf(caret.document.root, parts.slice(0, -1));
  const source = textOf(rule, 'from') ?? textOf(rule, 'name');
  const found = source === undefined ? undefined : find(columnsFor(context, caret, node.path, 'source-column'), source);
  const first = found?.type ? [found.type] : [];
  const plain = SCALAR_KINDS.filter((kind) => !first.includes(kind));
  const own = first.map((type) => typeItem(caret, type, { detail: 'as found in the source', preselect: true }));
  return [
    ...own,
    ...plain.flatMap((kind) =>
      kind === 'bigint' ? [typeItem(caret, kind), decimalItem(caret)] : [typeItem(caret, kind)],
    ),
    typeItem(caret, 'list<text>', { insert: quotedIn(caret, 'list<${1:text}>') }),
    typeItem(caret, 'struct<name: text>', { insert: quotedIn(caret, 'struct<${1:name}: ${2:text}>') }),
  ];
}

function typeItem(caret: Caret, type: string, more: Partial<Completion> = {}): Completion {
  return value(caret, type, { kind: 'type', insert: quotedIn(caret, snippetText(type)), ...more });
}

function decimalItem(caret: Caret): Completion {
  const insert = quotedIn(caret, 'decimal(${1:18},${2:2})');
  return typeItem(caret, 'decimal', { insert, detail: 'digits, and how many of them stand after the point' });
}

/** A type with a comma or a colon is a text of its own only in quotes. */
function quotedIn(caret: Caret, snippet: string): string {
  const needs = /: /.test(snippet) || (caret.flow && snippet.includes(','));
  return needs && !caret.quote ? `"${snippet}"` : snippet;
}

function connectionItems(context: LanguageContext, caret: Caret, node: ScalarNode): Completion[] {
  const parts = pathParts(node.path);
  const side = parts.includes('destination') ? specs.destinations : specs.sources;
  const type = textOf(nodeOf(caret.document.root, parts.slice(0, -1)), 'type');
  const items = [...context.scope.connections].flatMap(([name, connection]) => {
    const fits =
      type === undefined
        ? connection.type === undefined || Object.hasOwn(side, connection.type)
        : connection.type === type;
    return fits ? [value(caret, name, { kind: 'connection', detail: connection.type ?? '' })] : [];
  });
  return likelyFirst(context, caret, node, items);
}

function channelItems(context: LanguageContext, caret: Caret): Completion[] {
  return [...context.scope.channels].map(([name, channel]) =>
    value(caret, name, { kind: 'connection', detail: channel.type ?? '' }),
  );
}

function jobItems(context: LanguageContext, caret: Caret): Completion[] {
  const own = textOf(context.document.root, 'name');
  return [...context.project.index(context.scope).byName].flatMap(([name, views]) =>
    name === own ? [] : [value(caret, name, { kind: 'job', detail: views[0]?.document.file ?? '' })],
  );
}
