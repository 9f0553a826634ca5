import type { Schema } from '../../spec/schema.ts';
import * as specs from '../../specs.ts';
import { child, itemsOf, type Node, type ScalarNode, textOf } from '../../text/node.ts';
import { quoteYaml } from '../../text/quote.ts';
import type { Report } from '../host.ts';
import type { Rule } from '../rule.ts';
import { nearest } from '../suggest.ts';

/** Columns at one point of the steps; null: not known before rows are read. */
type Columns = Set<string> | null;

/** Where a step fixed the columns, a later one, a check or the key may name only those. */
export const columnUse: Rule = {
  stream({ stream, report }) {
    let columns: Columns = null;
    for (const item of itemsOf(stream.node, 'transform')) columns = afterStep(item, columns, report);
    if (!columns) return;
    for (const item of itemsOf(stream.node, 'checks')) {
      const entry = item.kind === 'map' ? item.entries[0] : undefined;
      const spec = entry && own(specs.checks, entry.key.source);
      if (entry && spec) namedColumns(entry.value, spec.settings, (node) => demand(node, columns, report));
    }
    for (const key of ['primary_key', 'partition_by'])
      for (const item of itemsOf(stream.node, 'destination', key))
        if (item.kind === 'scalar') demand(item, columns, report);
    for (const column of itemsOf(stream.node, 'columns')) {
      const name = child(column, 'name');
      const isUsed = child(column, 'checks') || textOf(column, 'primary_key') === 'true';
      if (name?.kind === 'scalar' && isUsed) demand(name, columns, report);
    }
  },
};

function own<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function afterStep(item: Node, columns: Columns, report: Report): Columns {
  const entry = item.kind === 'map' ? item.entries[0] : undefined;
  const spec = entry && own(specs.transforms, entry.key.source);
  if (!entry || !spec) return null;
  const effect = spec.capabilities.columns;
  if (columns) namedColumns(entry.value, spec.settings, (node) => demand(node, columns, report));
  if (effect === undefined) return columns;
  if (effect === 'replace') return null;
  const named = itemsOf(entry.value, 'columns').flatMap((node) =>
    node.kind === 'scalar' ? [node.source] : (textOf(node, 'name') ?? []),
  );
  if (effect === 'keep') return new Set(named.map(fold));
  for (const name of named) {
    if (effect === 'add') columns?.add(fold(name));
    else columns?.delete(fold(name));
  }
  return columns;
}

/** Names of columns that settings hold, as their schema marks them. */
function namedColumns(node: Node | undefined, schema: Schema, found: (node: ScalarNode) => void): void {
  if (!node) return;
  if (node.kind === 'scalar') {
    if (schema['x-kind'] === 'column' && node.value !== null) found(node);
  } else if (node.kind === 'list') {
    for (const item of node.items) if (schema.items) namedColumns(item, schema.items, found);
  } else {
    for (const [key, inner] of Object.entries(schema.properties ?? {})) namedColumns(child(node, key), inner, found);
  }
}

function demand(node: ScalarNode, columns: Columns, report: Report): void {
  if (!columns || columns.has(fold(node.source))) return;
  const near = nearest(node.source, columns);
  const fix = near ? { title: `Use \`${near}\``, edits: [{ range: node.range, text: inYaml(near) }] } : undefined;
  report(
    'column/unknown',
    node,
    `There is no column \`${node.source}\` at this point${near ? `; did you mean \`${near}\`?` : '.'}`,
    { fix },
  );
}

function inYaml(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : quoteYaml(name);
}

/** The engine takes names that differ only in case for one. */
function fold(name: string): string {
  return name.toLowerCase();
}
