import type { MapNode, Node } from '../text/node.ts';
import { entryOf } from '../text/node.ts';
import { placeText } from './hover-names.ts';
import { readable } from './readable.ts';
import type { LanguageContext } from './types.ts';
import { isConfig, nodeOf, pathParts } from './visits.ts';

/** More lines than this are cut. */
const MOST_LINES = 10;

/**
 * What is in effect below a key without being written there: laid under it by `defaults`, by the job under its streams, or by
 * `<<`. As a Markdown list with the place of each value; null where there is nothing.
 */
export function laidUnder(context: LanguageContext, path: string, key: string): string | null {
  const document = readable(context.document);
  if (isConfig(document, context.project)) return null;
  const view = context.project.view(document, context.scope);
  const parts = pathParts(path);
  const inStream = parts[0] === 'streams' && parts.length > 2;
  const stream = view.streams[inStream ? Number(parts[1]) : 0];
  if (!stream) return null;
  const own = inStream ? parts.slice(2) : parts;
  // The name stands for the whole: what no key of this file or entry says.
  const isWhole = own.length === 1 && key === 'name';
  const merged = isWhole ? stream.node : nodeOf(stream.node, own);
  const written = isWhole ? stream.written : nodeOf(document.root, parts);
  const lines: string[] = [];
  if (merged?.kind === 'map' && written?.kind === 'map') collect(context, merged, written, '', lines);
  const alias = mergedIn(context, nodeOf(document.root, parts));
  lines.push(...alias.filter((line) => !lines.includes(line)));
  if (lines.length === 0) return null;
  const more = lines.length > MOST_LINES ? [`- and ${lines.length - MOST_LINES} more`] : [];
  return ['Also in effect:', [...lines.slice(0, MOST_LINES), ...more].join('\n')].join('\n');
}

function collect(context: LanguageContext, merged: MapNode, written: MapNode, prefix: string, lines: string[]): void {
  for (const entry of merged.entries) {
    const own = entryOf(written, entry.key.source)?.value;
    const name = `${prefix}${entry.key.source}`;
    if (own?.kind === 'map' && entry.value.kind === 'map') collect(context, entry.value, own, `${name}.`, lines);
    else if (!own && !isInside(entry.key, written)) lines.push(...linesOf(context, name, entry.value, entry.key));
  }
}

/** Shorthands and types that are put in by the reader stand at the node itself. */
function isInside(node: Node, written: MapNode): boolean {
  return node.file === written.file && node.range.start >= written.range.start && node.range.end <= written.range.end;
}

function linesOf(context: LanguageContext, name: string, value: Node, at: Node): string[] {
  if (value.kind === 'map')
    return value.entries.flatMap((entry) => linesOf(context, `${name}.${entry.key.source}`, entry.value, entry.key));
  const shown = value.kind === 'list' ? '[…]' : String(value.value ?? 'null').replaceAll('`', "'");
  return [`- \`${name}: ${shown}\` from ${placeText(context, at)}`];
}

function mergedIn(context: LanguageContext, node: Node | undefined): string[] {
  if (node?.kind !== 'map') return [];
  return node.entries.flatMap((entry) =>
    entry.merged ? linesOf(context, entry.key.source, entry.value, entry.key) : [],
  );
}
