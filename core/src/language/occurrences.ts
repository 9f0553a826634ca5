import { escapeRegex } from '../model/regex.ts';
import type { Document } from '../text/node.ts';
import { aliasAt, type NamedSymbol, symbolAt, symbolsIn } from './symbol-at.ts';
import type { LanguageContext, Location } from './types.ts';
import { pathParts } from './visits.ts';

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
  const documents = local ? [context.document] : documentsOf(context);
  return documents.flatMap((document) => {
    if (!document.text.includes(symbol.name)) return [];
    return symbolsIn({ ...context, document })
      .filter((other) => isSame(symbol, other))
      .map((other) => ({ ...other, file: document.file }));
  });
}

function documentsOf(context: LanguageContext): Document[] {
  const { config, jobs } = context.project.files;
  const others = [...(config ? [config] : []), ...jobs].filter((other) => other.file !== context.document.file);
  return [context.document, ...others];
}

function isSame(a: NamedSymbol, b: NamedSymbol): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind !== 'column') return a.name === b.name;
  // Streams have columns of their own; what the job says is laid under each of them.
  const [streamA, streamB] = [streamOf(a), streamOf(b)];
  if (streamA !== null && streamB !== null && streamA !== streamB) return false;
  return a.name.toLowerCase() === b.name.toLowerCase() && isOfSource(a) === isOfSource(b);
}

function isOfSource(symbol: NamedSymbol): boolean {
  return symbol.of === 'source-column';
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
