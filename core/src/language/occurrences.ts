import { escapeRegex } from '../model/regex.ts';
import { type Document, entryOf, itemsOf, textOf } from '../text/node.ts';
import { readable } from './readable.ts';
import { aliasAt, type NamedSymbol, symbolAt, symbolsIn } from './symbol-at.ts';
import type { LanguageContext, Location } from './types.ts';
import { nodeOf, pathParts } from './visits.ts';

export interface Occurrence extends NamedSymbol {
  file: string;
}

/** Every place of the name under an offset, the file at hand first; [] where there is no name. */
export function occurrences(context: LanguageContext, offset: number): Occurrence[] {
  const symbol = symbolAt(context, offset);
  return symbol ? occurrencesOf(context, symbol) : [];
}

export function occurrencesOf(context: LanguageContext, symbol: NamedSymbol): Occurrence[] {
  const local = symbol.kind === 'column' || symbol.kind === 'stream';
  return found(context, symbol, local ? [context.document] : documentsOf(context));
}

function found(context: LanguageContext, symbol: NamedSymbol, documents: readonly Document[]): Occurrence[] {
  const name = symbol.kind === 'column' ? columnName(context, symbol) : symbol.name;
  return documents.flatMap((document) => {
    if (symbol.kind !== 'column' && !document.text.includes(name)) return [];
    const there = { ...context, document };
    return symbolsIn(there)
      .filter((other) => isSame(there, symbol, name, other))
      .map((other) => ({ ...other, file: document.file }));
  });
}

/** Every place of the name under an offset in the file at hand. */
export function highlights(context: LanguageContext, offset: number): Occurrence[] {
  const symbol = symbolAt(context, offset);
  return symbol ? found(context, symbol, [context.document]) : [];
}

function documentsOf(context: LanguageContext): Document[] {
  const { config, jobs } = context.project.files;
  const others = [...(config ? [config] : []), ...jobs].filter((other) => other.file !== context.document.file);
  return [context.document, ...others];
}

function isSame(context: LanguageContext, symbol: NamedSymbol, name: string, other: NamedSymbol): boolean {
  if (symbol.kind !== other.kind) return false;
  if (symbol.kind !== 'column') return name === other.name;
  // Streams have columns of their own; what the job says is laid under each of them.
  const [streamA, streamB] = [streamOf(symbol), streamOf(other)];
  if (streamA !== null && streamB !== null && streamA !== streamB) return false;
  return name === columnName(context, other);
}

/** The name that a column has in the job, folded: where its name in the source stands, `columns` may give it another one. */
function columnName(context: LanguageContext, symbol: NamedSymbol): string {
  const name = symbol.name.toLowerCase();
  if (symbol.of !== 'source-column') return name;
  const { root } = readable(context.document);
  const stream = streamOf(symbol);
  const own = stream === null ? null : nodeOf(root, ['streams', stream]);
  const rules = itemsOf(entryOf(own, 'columns') ? own : root, 'columns');
  const rule = rules.find((candidate) => textOf(candidate, 'from')?.toLowerCase() === name);
  return textOf(rule, 'name')?.toLowerCase() ?? name;
}

function streamOf(symbol: NamedSymbol): string | null {
  const parts = pathParts(symbol.path);
  return parts[0] === 'streams' ? (parts[1] ?? null) : null;
}

/** Where the name under an offset is defined: a connection, variable, job, column, or the anchor of an alias. */
export function definition(context: LanguageContext, offset: number): Location[] {
  const alias = aliasAt(context, offset);
  if (alias !== null) return anchorOf(context.document, alias);
  return occurrences(context, offset).flatMap(({ isDefinition, file, range }) =>
    isDefinition ? [{ file, range }] : [],
  );
}

function anchorOf(document: Document, name: string): Location[] {
  const escaped = escapeRegex(name);
  const match = new RegExp(`(?<=[\\s:\\-\\[{,])&${escaped}(?=[\\s,\\]}]|$)`, 'm').exec(document.text);
  return match ? [{ file: document.file, range: { start: match.index, end: match.index + match[0].length } }] : [];
}

/** Every place of the name under an offset, its definition only where wanted. */
export function references(context: LanguageContext, offset: number, withDefinition: boolean): Location[] {
  return occurrences(context, offset).flatMap(({ isDefinition, file, range }) =>
    isDefinition && !withDefinition ? [] : [{ file, range }],
  );
}
