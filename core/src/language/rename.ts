import { sqlTokens } from '../model/sql-scope.ts';
import { child, entryOf, type MapNode, textOf } from '../text/node.ts';
import { lineAt } from '../text/position.ts';
import { quoteYaml } from '../text/quote.ts';
import { lineBreak } from './insert.ts';
import { type ColumnToList, columnToList } from './list-column.ts';
import { type Occurrence, occurrencesOf } from './occurrences.ts';
import { readable } from './readable.ts';
import { yamlText } from './snippets.ts';
import { type NamedSymbol, symbolAt } from './symbol-at.ts';
import type { LanguageContext, TextEdit, WorkspaceEdits } from './types.ts';
import { nodeOf, pathParts } from './visits.ts';

type RenameResult = { edits: WorkspaceEdits } | { error: string };

/** What a rename would change: the place and the name; null where nothing can be renamed. */
export function prepareRename(
  context: LanguageContext,
  offset: number,
): { range: TextEdit['range']; name: string } | null {
  const symbol = symbolAt(context, offset);
  if (!symbol || 'error' in targetsOf(context, symbol)) return null;
  const { range, name } = symbol;
  if (symbol.form === 'scalar') return { range: inQuotes(context.document.text, range), name };
  if (symbol.form !== 'reference') return { range, name };
  const start = range.start + '${var:'.length;
  return { range: { start, end: start + name.length }, name };
}

function inQuotes(text: string, range: TextEdit['range']): TextEdit['range'] {
  return /["']/.test(text[range.start] ?? '') ? { start: range.start + 1, end: range.end - 1 } : range;
}

const FORMS: Readonly<Record<NamedSymbol['kind'], { pattern: RegExp; text: string }>> = {
  job: { pattern: /^[a-z][a-z0-9_]{0,62}$/, text: 'lower-case letters, digits and `_`, at most 63' },
  stream: { pattern: /^[a-z][a-z0-9_]{0,62}$/, text: 'lower-case letters, digits and `_`, at most 63' },
  connection: { pattern: /^[A-Za-z_][\w-]*$/, text: 'letters, digits, `_` and `-`' },
  channel: { pattern: /^[A-Za-z_][\w-]*$/, text: 'letters, digits, `_` and `-`' },
  variable: { pattern: /^[A-Za-z_][\w-]*$/, text: 'letters, digits, `_` and `-`' },
  column: { pattern: /\S/, text: 'not empty' },
};

/**
 * Renames what is under an offset in every file. A job keeps its state: its old name goes into `renamed_from`. A column keeps
 * its source: `from` names it as before, in an entry of `columns` that is written where there is none.
 */
export function rename(context: LanguageContext, offset: number, to: string): RenameResult {
  const symbol = symbolAt(context, offset);
  if (!symbol) return { error: 'There is nothing here that can be renamed.' };
  const form = FORMS[symbol.kind];
  if (!form.pattern.test(to)) return { error: `\`${to}\` cannot be the name of a ${symbol.kind}: ${form.text}.` };
  if (to === symbol.name) return { edits: new Map() };
  if (isTaken(context, symbol, to)) return { error: `There is a ${symbol.kind} \`${to}\` already.` };
  const targets = targetsOf(context, symbol);
  if ('error' in targets) return targets;
  const edits: WorkspaceEdits = new Map();
  for (const occurrence of targets.found) {
    const list = edits.get(occurrence.file) ?? [];
    const whole = rewritten(context, occurrence, to);
    const edit = whole ?? { range: occurrence.range, text: written(occurrence, to) };
    if (!list.some(({ range }) => range.start === edit.range.start)) list.push(edit);
    list.push(...keptName(context, occurrence));
    edits.set(occurrence.file, list);
  }
  if (!targets.listed) return { edits };
  if (targets.listed.names.has(to.toLowerCase())) return { error: `There is a column \`${to}\` already.` };
  const edit = targets.listed.write(to);
  if (!edit) return { error: 'List the column under `columns` to give it a name of your own.' };
  edits.set(context.document.file, [...(edits.get(context.document.file) ?? []), edit]);
  return { edits };
}

/** What a rename changes, and what it writes beside that. */
type Targets = { found: Occurrence[]; listed: ColumnToList | null };

function targetsOf(context: LanguageContext, symbol: NamedSymbol): Targets | { error: string } {
  const found = occurrencesOf(context, symbol);
  const isDefined = found.some((occurrence) => occurrence.isDefinition);
  if (symbol.kind !== 'column')
    return isDefined ? { found, listed: null } : { error: `The project has no ${symbol.kind} \`${symbol.name}\`.` };
  // What stands for a name of the source goes on naming it.
  const own = found.filter(({ of }) => of !== 'source-column');
  if (symbol.of === 'source-column' && (isDefined || own.length === 0))
    return { error: 'This is a name of the source: it is changed there.' };
  if (isDefined) return { found: own, listed: null };
  const listed = columnToList(context, symbol);
  return 'error' in listed ? listed : { found: own, listed: listed.column };
}

function isTaken(context: LanguageContext, symbol: NamedSymbol, to: string): boolean {
  switch (symbol.kind) {
    case 'connection':
      return context.scope.connections.has(to);
    case 'channel':
      return context.scope.channels.has(to);
    case 'variable':
      return context.scope.variables.has(to);
    case 'job':
      return context.project.index(context.scope).byName.has(to);
    default:
      return occurrencesOf(context, { ...symbol, name: to }).some((occurrence) => occurrence.isDefinition);
  }
}

function written(occurrence: Occurrence, to: string): string {
  if (occurrence.form === 'reference') return `\${var:${to}}`;
  if (occurrence.form !== 'sql') return yamlText(to);
  return /^[a-z_]\w*$/i.test(to) ? to : `"${to.replaceAll('"', '""')}"`;
}

/** A name that SQL wants in double quotes may not stand as it is in a text that YAML reads without quotes, or in such ones. */
function rewritten(context: LanguageContext, occurrence: Occurrence, to: string): TextEdit | null {
  if (occurrence.form !== 'sql' || /^[a-z_]\w*$/i.test(to)) return null;
  const node = nodeOf(readable(context.document).root, pathParts(occurrence.path));
  if (node?.kind !== 'scalar' || (node.style !== 'plain' && node.style !== 'double')) return null;
  const tokens = sqlTokens(node.source).filter(
    ({ kind, text }) => (kind === 'word' || kind === 'quoted') && text.toLowerCase() === occurrence.name.toLowerCase(),
  );
  const source = tokens.reduceRight(
    (text, token) => text.slice(0, token.start) + written(occurrence, to) + text.slice(token.end),
    node.source,
  );
  return { range: node.range, text: quoteYaml(source) };
}

/** What remembers the old name where a job or a column of the source is renamed. */
function keptName(context: LanguageContext, occurrence: Occurrence): TextEdit[] {
  if (!occurrence.isDefinition) return [];
  const { jobs } = context.project.files;
  const own =
    occurrence.file === context.document.file ? context.document : jobs.find((job) => job.file === occurrence.file);
  if (!own) return [];
  const { root } = readable(own);
  if (occurrence.kind === 'job') return renamedFrom(own.text, root as MapNode, occurrence);
  if (occurrence.kind !== 'column') return [];
  const parts = pathParts(occurrence.path);
  const rule = nodeOf(root, parts.slice(0, -1));
  const isRule = parts.at(-3) === 'columns' && !parts.includes('transform');
  if (!isRule || rule?.kind !== 'map') return [];
  if (entryOf(rule, 'from') || entryOf(rule, 'metadata') || textOf(rule, 'derived') === 'true') return [];
  return [beside(own.text, rule, occurrence, `from: ${yamlText(occurrence.name)}`)];
}

function renamedFrom(text: string, root: MapNode, occurrence: Occurrence): TextEdit[] {
  const earlier = child(root, 'renamed_from');
  if (earlier?.kind === 'list' && earlier.items.length > 0) {
    const at = earlier.items.at(-1)!.range.end;
    if (earlier.flow) return [{ range: { start: at, end: at }, text: `, ${occurrence.name}` }];
    const line = lineAt(text, at);
    const lead = /^\s*/.exec(line.text)?.[0] ?? '';
    return [{ range: { start: at, end: at }, text: `${lineBreak(text)}${lead}- ${occurrence.name}` }];
  }
  if (earlier?.kind === 'scalar' && earlier.value !== null)
    return [{ range: earlier.range, text: `[${earlier.source}, ${occurrence.name}]` }];
  return [beside(text, root, occurrence, `renamed_from: [${occurrence.name}]`)];
}

/** Writes one more key after the one at hand, in the style of its mapping. */
function beside(text: string, map: MapNode, occurrence: Occurrence, entry: string): TextEdit {
  const { end } = occurrence.range;
  if (map.flow) return { range: { start: end, end }, text: `, ${entry}` };
  const line = lineAt(text, end);
  const at = line.start + line.text.length;
  const key = map.entries.find(({ value }) => value.range.start === occurrence.range.start)?.key;
  const column = key ? key.range.start - lineAt(text, key.range.start).start : 0;
  return { range: { start: at, end: at }, text: `${lineBreak(text)}${' '.repeat(column)}${entry}` };
}
