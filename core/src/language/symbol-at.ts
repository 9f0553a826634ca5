import { type FoundReference, findReferences } from '../check/find-references.ts';
import type { Range } from '../model/diagnostic.ts';
import type { Schema, TextKind } from '../spec/schema.ts';
import { type Document, type Node, type ScalarNode, withRoot } from '../text/node.ts';
import { readable } from './readable.ts';
import { sourcePlaces } from './scalar-text.ts';
import { sqlColumns } from './sql-names.ts';
import type { LanguageContext } from './types.ts';
import { isConfig, nodeAt, pathParts, visited } from './visits.ts';

/** Something with a name that stands in several places. */
export interface NamedSymbol {
  kind: 'connection' | 'channel' | 'variable' | 'job' | 'stream' | 'column';
  name: string;
  range: Range;
  /** JSON pointer of the value, or of the entry's value for a key. */
  path: string;
  /** How the name is written here. */
  form: 'scalar' | 'key' | 'sql' | 'reference';
  /** For columns: which kind of name. */
  of: TextKind | undefined;
  isDefinition: boolean;
}

/** Every name in a document, in the order of the walk. A value that an alias repeats counts once. */
export function symbolsIn(context: LanguageContext): NamedSymbol[] {
  const document = readable(context.document);
  const found = isConfig(document, context.project) ? configNames(document) : [];
  const seen = new Set<string>();
  for (const { node, schema } of visited(context).all) {
    if (node.kind !== 'scalar' || node.file !== document.file) continue;
    const symbols = scalarNames(document, node, schema);
    for (const symbol of symbols) {
      const key = `${symbol.kind} ${symbol.range.start}`;
      if (!seen.has(key)) found.push(symbol);
      seen.add(key);
    }
  }
  for (const reference of findReferences(document)) if (reference.kind === 'var') found.push(variableUse(reference));
  return found;
}

function configNames(document: Document): NamedSymbol[] {
  const found: NamedSymbol[] = [];
  const keys = (node: Node | undefined, kind: NamedSymbol['kind'], isDefinition: boolean): void => {
    for (const { key } of node?.kind === 'map' ? node.entries : [])
      found.push({
        kind,
        name: key.source,
        range: key.range,
        path: key.path,
        form: 'key',
        of: undefined,
        isDefinition,
      });
  };
  const root = document.root?.kind === 'map' ? document.root.entries : [];
  for (const { key, value } of root) {
    if (key.source === 'connections') keys(value, 'connection', true);
    if (key.source === 'channels') keys(value, 'channel', true);
    if (key.source === 'variables') keys(value, 'variable', true);
    for (const part of key.source === 'concurrency' && value.kind === 'map' ? value.entries : [])
      if (part.key.source === 'connections') keys(part.value, 'connection', false);
    for (const target of key.source === 'targets' && value.kind === 'map' ? value.entries : [])
      for (const part of target.value.kind === 'map' ? target.value.entries : [])
        if (part.key.source === 'variables') keys(part.value, 'variable', false);
  }
  return found;
}

function variableUse(reference: FoundReference): NamedSymbol {
  const { name, range, path } = reference;
  return { kind: 'variable', name, range, path, form: 'reference', of: undefined, isDefinition: false };
}

const COLUMN_KINDS: ReadonlySet<TextKind> = new Set(['column', 'source-column', 'new-column']);
const SQL_KINDS: ReadonlySet<TextKind> = new Set(['sql-expression', 'sql-query', 'sql-order']);

function scalarNames(document: Document, node: ScalarNode, schema: Schema): NamedSymbol[] {
  if (node.value === null || node.style === 'empty') return [];
  const kind = schema['x-kind'];
  const symbol = (of: NamedSymbol['kind'], isDefinition: boolean): NamedSymbol[] => [
    { kind: of, name: node.source, range: node.range, path: node.path, form: 'scalar', of: kind, isDefinition },
  ];
  if (kind === 'connection' || kind === 'channel') return symbol(kind, false);
  if (kind === 'job') return symbol('job', false);
  if (kind && COLUMN_KINDS.has(kind)) return symbol('column', kind === 'new-column');
  if (kind && SQL_KINDS.has(kind)) return sqlNames(document, node, kind);
  const parts = pathParts(node.path);
  if (parts.at(-1) !== 'name') return [];
  if (parts.length === 1) return symbol('job', true);
  return parts.length === 3 && parts[0] === 'streams' ? symbol('stream', true) : [];
}

function sqlNames(document: Document, node: ScalarNode, of: TextKind): NamedSymbol[] {
  const places = sourcePlaces(node, document.text);
  if (!places) return [];
  return sqlColumns(node.source, of).map(({ token, isMade }): NamedSymbol => {
    const range = { start: places[token.start]!, end: places[token.end - 1]! + 1 };
    return { kind: 'column', name: token.text, range, path: node.path, form: 'sql', of, isDefinition: isMade };
  });
}

/** The name under an offset. */
export function symbolAt(context: LanguageContext, offset: number): NamedSymbol | null {
  const holds = ({ range }: NamedSymbol): boolean => offset >= range.start && offset <= range.end;
  const found = symbolsIn(context).filter(holds);
  return found.sort((a, b) => a.range.end - a.range.start - (b.range.end - b.range.start))[0] ?? null;
}

/** The reference in a scalar that holds an offset. */
export function referenceAt(context: LanguageContext, node: ScalarNode, offset: number): FoundReference | null {
  if (!node.source.includes('${')) return null;
  const document = readable(context.document);
  const found = findReferences(withRoot(document, node));
  return found.find(({ range }) => offset >= range.start && offset <= range.end) ?? null;
}

/** The anchor that an alias under an offset names, as `*name`; null where there is none. */
export function aliasAt(context: LanguageContext, offset: number): string | null {
  const found = nodeAt(context.document, offset);
  if (!found) return null;
  const { start, end } = found.node.range;
  return /^\*([^\s,\]}]+)$/.exec(context.document.text.slice(start, end))?.[1] ?? null;
}
