import type { Schema } from '../spec/schema.ts';
import type { Entry, Node, ScalarNode } from '../text/node.ts';
import { textOf } from '../text/node.ts';
import { docsOf } from './docs.ts';
import { hoverCron } from './hover-cron.ts';
import { channelHover, columnHover, connectionHover, jobHover, referenceHover } from './hover-names.ts';
import { laidUnder } from './origins.ts';
import { symbolAt } from './symbol-at.ts';
import type { Hover, LanguageContext } from './types.ts';
import { type Found, nodeAt, visited } from './visits.ts';

/** What is to be said about the place at an offset; null where there is nothing. Never the value of a secret or of the environment. */
export function hover(context: LanguageContext, offset: number): Hover | null {
  const found = nodeAt(context.document, offset);
  if (!found) return null;
  return (
    referenceHover(context, found, offset) ??
    (found.key ? keyHover(context, found, found.key) : valueHover(context, found, offset))
  );
}

function keyHover(context: LanguageContext, found: Found, entry: Entry): Hover | null {
  const { byPath } = visited(context);
  const visits = byPath.get(found.node.path) ?? [];
  const parent = found.trail.at(-2)?.node;
  const above = parent ? (byPath.get(parent.path) ?? []) : [];
  const key = entry.key.source;
  const symbol = symbolAt(context, entry.key.range.start);
  const own =
    symbol?.kind === 'connection'
      ? connectionHover(context, symbol.name)
      : symbol?.kind === 'channel'
        ? channelHover(context, symbol.name)
        : null;
  const schema = visits[0]?.schema;
  const parts = own ? [own] : [];
  if (schema && !own)
    parts.push(docsOf(key, schema, { required: above.some((visit) => visit.schema.required?.includes(key)) }));
  const variant = visits.find((visit) => visit !== visits[0] && visit.schema.properties)?.schema;
  if (variant && !own) parts.push(variantText(variant, found.node));
  const under = laidUnder(context, found.node.path, key);
  if (under) parts.push(under);
  return parts.length > 0 ? { text: parts.join('\n\n'), range: entry.key.range } : null;
}

function variantText(variant: Schema, node: Node): string {
  const type = textOf(node, 'type');
  const name = [type ? `\`${type}\`` : '', variant.title ?? ''].filter(Boolean).join(': ');
  return [name, variant.description ?? ''].filter(Boolean).join('\n\n');
}

function valueHover(context: LanguageContext, found: Found, offset: number): Hover | null {
  if (found.node.kind !== 'scalar') return null;
  const node: ScalarNode = found.node;
  const visits = visited(context).byPath.get(node.path) ?? [];
  for (const { schema } of visits) {
    const text = scalarText(context, node, schema, offset);
    if (text) return text;
  }
  return null;
}

function scalarText(context: LanguageContext, node: ScalarNode, schema: Schema, offset: number): Hover | null {
  const whole = (text: string | null): Hover | null => (text === null ? null : { text, range: node.range });
  switch (schema['x-kind']) {
    case 'cron':
      return whole(hoverCron(context, node));
    case 'connection':
      return whole(connectionHover(context, node.source));
    case 'channel':
      return whole(channelHover(context, node.source));
    case 'job':
      return whole(jobHover(context, node.source));
    case undefined:
      return whole(enumText(node, schema));
    default:
      return columnHover(context, offset);
  }
}

function enumText(node: ScalarNode, schema: Schema): string | null {
  const at = schema.enum?.map(String).indexOf(node.source) ?? -1;
  const text = at < 0 ? undefined : schema['x-enum-text']?.[at];
  return text === undefined ? null : `\`${node.source}\`: ${text}`;
}
