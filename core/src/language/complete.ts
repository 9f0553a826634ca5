import { typesOf } from '../check/scalars.ts';
import { type Caret, caretAt, MARK } from './caret.ts';
import { completeColumns } from './complete-columns.ts';
import { completeKeys } from './complete-keys.ts';
import { completePaths } from './complete-paths.ts';
import { completeReference } from './complete-references.ts';
import { completeSql } from './complete-sql.ts';
import { completeValues, exampleItems } from './complete-values.ts';
import type { Completion, LanguageContext } from './types.ts';

/** More than this is never looked through by hand; the rest comes as more is typed. */
const MOST_ITEMS = 500;

/**
 * What may be written at an offset: keys with their bodies, values, names of the project, columns of the source, references,
 * paths. Works on half-written files: what belongs at the caret is asked of the same walk that finds faults, over the text with a
 * mark in the caret's place. `whole` is false where more would come with more typed. `text`: what the file says now, where
 * `context.document` is an earlier reading that differs by little: then nobody waits until all of it is read.
 */
export async function complete(
  context: LanguageContext,
  offset: number,
  text: string = context.document.text,
): Promise<{ items: Completion[]; whole: boolean }> {
  const caret = caretAt(context, text, offset);
  if (!caret) return { items: [], whole: true };
  const found = await itemsAt(context, caret);
  const items = caret.dash ? found.map((item) => dashed(item, caret)) : found;
  const matching = narrowed(items, caret.typed);
  return { items: matching.slice(0, MOST_ITEMS), whole: matching.length <= MOST_ITEMS };
}

/** The item with the dash that it needs. */
function dashed(item: Completion, { typed }: Caret): Completion {
  const filter = item.filter ?? item.label;
  return { ...item, insert: `- ${item.insert}`, filter: typed.startsWith('-') ? `- ${filter}` : filter };
}

async function itemsAt(context: LanguageContext, caret: Caret): Promise<Completion[]> {
  const reference = completeReference(context, caret);
  if (reference) return reference;
  if (caret.keys.some(({ schema }) => takesKeys(schema))) return completeKeys(caret);
  const items: Completion[] = [];
  for (const { node, schema } of placesOf(caret)) {
    items.push(...completeSql(context, caret, node, schema));
    items.push(...completeColumns(context, caret, node, schema));
    items.push(...(await completePaths(context, caret, node, schema)));
    items.push(...completeValues(context, caret, node, schema));
    if (items.length === 0 && !schema['x-kind']?.startsWith('sql-')) items.push(...exampleItems(caret, schema));
  }
  return distinct(items);
}

/** A list entry that is begun is read as a key; where none may stand it is a value. */
function placesOf(caret: Caret): Pick<Caret['values'][number], 'node' | 'schema'>[] {
  if (caret.values.length > 0) return caret.values;
  return caret.keys.flatMap(({ node, schema }) => {
    const key = node.entries.find((entry) => entry.key.source === MARK)?.key;
    return key ? [{ node: { ...key, path: node.path }, schema }] : [];
  });
}

function takesKeys(schema: Caret['keys'][number]['schema']): boolean {
  return typesOf(schema).includes('object') || schema['x-union'] !== undefined || schema['x-step'] === true;
}

function distinct(items: readonly Completion[]): Completion[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const known = seen.has(item.label);
    seen.add(item.label);
    return !known;
  });
}

/** Long lists are cut by what is typed already, letter by letter in order; the editor ranks what is left. */
function narrowed(items: Completion[], typed: string): Completion[] {
  if (items.length <= MOST_ITEMS || typed === '') return items;
  const wanted = typed.toLowerCase();
  return items.filter((item) => {
    let at = 0;
    for (const ch of (item.filter ?? item.label).toLowerCase()) if (ch === wanted[at]) at++;
    return at >= wanted.length;
  });
}
