import { channelTypes } from '../check/channel-schema.ts';
import { type Schema, secretKeys } from '../spec/schema.ts';
import * as specs from '../specs.ts';
import { type MapNode, type Node, textOf } from '../text/node.ts';
import { positionAt } from '../text/position.ts';
import { columnsAt, factText, find, pointOf, recordOf } from './column-flow.ts';
import { readable } from './readable.ts';
import { referenceAt, symbolAt } from './symbol-at.ts';
import type { Hover, LanguageContext } from './types.ts';
import type { Found } from './visits.ts';
import { pathParts } from './visits.ts';

const KINDS: Readonly<Record<string, string>> = {
  env: 'An environment variable, put in when a run starts. Its value is not shown.',
  file: 'The content of a file, put in when a run starts. It is not shown.',
  stream: 'The name of the stream.',
  secret: 'A secret, put in when a run starts. It is not shown.',
};

/** A `${…}` under the caret. */
export function referenceHover(context: LanguageContext, found: Found, offset: number): Hover | null {
  if (found.node.kind !== 'scalar' || found.key) return null;
  const reference = referenceAt(context, found.node, offset);
  if (!reference) return null;
  const shown = `\`${reference.text}\``;
  if (reference.kind !== 'var') return { text: `${shown}\n\n${KINDS[reference.kind] ?? ''}`, range: reference.range };
  return { text: `${shown}\n\n${variableText(context, reference.name)}`, range: reference.range };
}

function variableText(context: LanguageContext, name: string): string {
  const { config } = context.project.files;
  const values = context.project.targets.map((target) => {
    const value = context.project.scope(target).variables.get(name);
    return `- \`${target}\`: ${value === undefined ? 'no value' : `\`${value}\``}`;
  });
  const about = textOf(config?.root, 'variables', name, 'description');
  return ['A variable of sluice.yaml, put in before anything runs.', about, values.join('\n')]
    .filter(Boolean)
    .join('\n\n');
}

/** A connection: its system and its keys as they are written; secrets never. */
export function connectionHover(context: LanguageContext, name: string): string | null {
  const connection = context.scope.connections.get(name);
  if (!connection) return null;
  const type = connection.type ?? '';
  const own = <T>(map: Readonly<Record<string, T>>): T | undefined =>
    Object.hasOwn(map, type) ? map[type] : undefined;
  const spec = own(specs.sources) ?? own(specs.destinations);
  const secrets = new Set([...(own(specs.sources)?.secrets ?? []), ...(own(specs.destinations)?.secrets ?? [])]);
  return namedText(`Connection \`${name}\`: **${spec?.title ?? type}**`, connection.node, secrets);
}

/** A channel, as a connection is shown. */
export function channelHover(context: LanguageContext, name: string): string | null {
  const channel = context.scope.channels.get(name);
  if (!channel) return null;
  const types: Readonly<Record<string, Schema>> = channelTypes;
  const type = channel.type ?? '';
  const schema = Object.hasOwn(types, type) ? types[type] : undefined;
  return namedText(`Channel \`${name}\`: **${schema?.title ?? type}**`, channel.node, new Set(secretKeys(schema)));
}

function namedText(title: string, node: MapNode, secrets: ReadonlySet<string>): string {
  const keys = node.entries.flatMap(({ key, value }) =>
    key.source === 'type' ? [] : [`- \`${key.source}\`: ${shownValue(value, secrets.has(key.source))}`],
  );
  return [title, keys.join('\n')].filter(Boolean).join('\n\n');
}

function shownValue(node: Node, secret: boolean): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? '{…}' : '[…]';
  const text = String(node.value ?? '');
  const whole = /^\$\{[^}]*\}$/.test(text);
  return secret && !whole ? '•••' : `\`${text.replaceAll('`', "'")}\``;
}

export function jobHover(context: LanguageContext, name: string): string | null {
  const view = context.project.index(context.scope).byName.get(name)?.[0];
  if (!view) return null;
  const about = textOf(view.root, 'description');
  const cron = textOf(view.job, 'schedule', 'cron');
  const parts = [
    `Job \`${name}\` in ${view.document.file}`,
    about,
    cron === undefined ? undefined : `Schedule: \`${cron}\``,
  ];
  return parts.filter((part) => part !== undefined).join('\n\n');
}

/** The column under the caret: as a name of its own or in SQL. */
export function columnHover(context: LanguageContext, offset: number): Hover | null {
  const symbol = symbolAt(context, offset);
  if (symbol?.kind !== 'column') return null;
  const view = context.project.view(readable(context.document), context.scope);
  const { stream: index, point } = pointOf(pathParts(symbol.path), symbol.of);
  const stream = view.streams[index ?? 0];
  if (!stream) return null;
  const record = recordOf(stream, view, context.host);
  const fact = find(columnsAt(stream, record, point).columns, symbol.name);
  if (!fact) return null;
  const where = record ? `Read from the source on ${record.at.slice(0, 10)}.` : '';
  return {
    text: [`Column \`${fact.name}\`: ${factText(fact)}`, where].filter(Boolean).join('\n\n'),
    range: symbol.range,
  };
}

/** A place as it is shown: file and line, counted from 1. */
export function placeText(context: LanguageContext, node: Node): string {
  const { config, jobs } = context.project.files;
  const documents = [context.document, ...(config ? [config] : []), ...jobs];
  const document = documents.find((candidate) => candidate.file === node.file);
  return document ? `${node.file}:${positionAt(document, node.range.start).line + 1}` : node.file;
}
