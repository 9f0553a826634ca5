import { nearest } from '../check/suggest.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { textOf } from '../text/node.ts';
import { columnsAt, find, pointOf, recordOf } from './column-flow.ts';
import { yamlText } from './snippets.ts';
import { type NamedSymbol, symbolsIn } from './symbol-at.ts';
import type { LanguageContext } from './types.ts';
import { isConfig, nodeOf, pathParts } from './visits.ts';

/**
 * What the record of a source says about names of columns in a job: those that it does not have. Warnings: the source may have
 * changed since. Needs whole YAML, and says nothing where not all columns are known at a point. What `check` has found already is left out.
 */
export function observe(context: LanguageContext, found: readonly Diagnostic[]): Diagnostic[] {
  const { document, project, scope, host } = context;
  if (document.broken || !host.columns || isConfig(document, project)) return [];
  const view = project.view(document, scope);
  if (!view.root) return [];
  const known = new Set(found.map(({ range }) => `${range.start} ${range.end}`));
  const records = view.streams.map((stream) => recordOf(stream, view, host));
  if (records.every((record) => record === null)) return [];
  const result: Diagnostic[] = [];
  for (const symbol of symbolsIn(context)) {
    if (symbol.kind !== 'column' || symbol.form !== 'scalar' || !isUse(context, symbol)) continue;
    const parts = pathParts(symbol.path);
    const { stream: index, point } = pointOf(parts, symbol.of);
    const streams = index === null ? view.streams : view.streams.slice(index, index + 1);
    const facts = streams.map((stream) => {
      const record = records[view.streams.indexOf(stream)] ?? null;
      const isOfSource = point === 'source' && record !== null;
      const { columns, whole } = columnsAt(stream, record, point);
      const has = (name: string): boolean => {
        const fact = find(columns, name);
        return fact !== undefined && (!isOfSource || fact.origin === 'source');
      };
      return { columns, whole, has };
    });
    if (facts.length === 0 || facts.some(({ whole, has }) => !whole || has(symbol.name))) continue;
    if (known.has(`${symbol.range.start} ${symbol.range.end}`)) continue;
    result.push(
      unknown(
        symbol,
        facts.flatMap(({ columns, has }) => columns.map(({ name }) => name).filter(has)),
      ),
    );
  }
  return result;
}

/** A column that a step makes or that is filled with metadata is not one of the source. */
function isUse({ document }: LanguageContext, symbol: NamedSymbol): boolean {
  if (symbol.of !== 'new-column') return true;
  const parts = pathParts(symbol.path);
  if (parts.includes('transform')) return false;
  const rule = nodeOf(document.root, parts.slice(0, -1));
  return (
    textOf(rule, 'from') === undefined && textOf(rule, 'metadata') === undefined && textOf(rule, 'derived') !== 'true'
  );
}

function unknown(symbol: NamedSymbol, columns: readonly string[]): Diagnostic {
  const near = nearest(symbol.name, columns);
  const place = symbol.of === 'column' ? 'at this point' : 'in the source';
  return {
    code: 'observed/unknown-column',
    severity: 'warning',
    message: `There is no column \`${symbol.name}\` ${place}, as it was last read${near ? `; did you mean \`${near}\`?` : '.'}`,
    range: symbol.range,
    path: symbol.path,
    ...(near ? { fix: { title: `Use \`${near}\``, edits: [{ range: symbol.range, text: yamlText(near) }] } } : {}),
  };
}
