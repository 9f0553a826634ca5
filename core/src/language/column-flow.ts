import type { JobView, StreamView } from '../check/view.ts';
import * as specs from '../specs.ts';
import { child, itemsOf, type MapNode, type Node, textOf } from '../text/node.ts';
import { type ColumnRecord, type RecordedColumn, recordKeys, stepsHash } from './record.ts';
import type { LanguageHost } from './types.ts';

/** What is known of a column at one point of a stream. */
export interface ColumnFact {
  name: string;
  /** Name in the source; null for columns that do not come from it. */
  from: string | null;
  type: string | null;
  nullable: boolean | null;
  null_share: number | null;
  origin: 'source' | 'columns' | 'step';
}

export interface ColumnFacts {
  columns: ColumnFact[];
  /** Every column is in the list: a name that is not in it does not exist at this point. */
  whole: boolean;
}

/** A point of a row's walk: in the source, after `columns`, before a step of `transform`, or after all of them. */
export type ColumnPoint = 'source' | 'columns' | 'end' | { before: number };

/** The record of a stream, or null where nothing is known of its source. */
export function recordOf(stream: StreamView, view: JobView, host: LanguageHost): ColumnRecord | null {
  return host.columns?.(recordKeys(stream.node, view.scope)) ?? null;
}

/** The columns at a point of a stream: those of its record and those that the file names. */
export function columnsAt(stream: StreamView, record: ColumnRecord | null, point: ColumnPoint): ColumnFacts {
  const rules = itemsOf(stream.node, 'columns').filter((node) => node.kind === 'map') as MapNode[];
  if (point === 'source') return { columns: sourceColumns(rules, record), whole: record !== null };
  let facts = afterColumns(rules, record);
  const steps = itemsOf(stream.node, 'transform');
  const bound = record && record.steps_hash === stepsHash(stream.node) ? record.steps : [];
  const end = point === 'columns' ? 0 : point === 'end' ? steps.length : Math.min(point.before, steps.length);
  for (let i = 0; i < end; i++) facts = afterStep(steps[i]!, facts, bound[i] ?? null);
  if (point === 'end') addDerived(rules, facts);
  return facts;
}

function sourceColumns(rules: readonly MapNode[], record: ColumnRecord | null): ColumnFact[] {
  const columns = (record?.columns ?? []).map((column) => fact(column, 'source', column.name));
  for (const rule of rules) {
    const from = sourceName(rule);
    if (from !== null && !find(columns, from)) columns.push({ ...declared(rule, from), name: from });
  }
  return columns;
}

function afterColumns(rules: readonly MapNode[], record: ColumnRecord | null): ColumnFacts {
  const columns: ColumnFact[] = [];
  const taken = new Set<MapNode>();
  for (const column of record?.columns ?? []) {
    const rule = rules.find((candidate) => same(sourceName(candidate), column.name));
    if (rule) taken.add(rule);
    const known = fact(column, 'source', column.name);
    columns.push(rule ? { ...known, ...given(declared(rule, column.name)) } : known);
  }
  for (const rule of rules) {
    const name = textOf(rule, 'name');
    if (taken.has(rule) || name === undefined || isDerived(rule)) continue;
    columns.push(declared(rule, sourceName(rule)));
  }
  return { columns, whole: record !== null };
}

/** The declared type of a column wins over the found one; what is not declared stays. */
function given(over: ColumnFact): Partial<ColumnFact> {
  return { name: over.name, origin: 'columns', ...(over.type === null ? {} : { type: over.type }) };
}

function afterStep(item: Node, before: ColumnFacts, bound: readonly RecordedColumn[] | null): ColumnFacts {
  if (bound) return { columns: bound.map((column) => fact(column, 'step', null)), whole: true };
  const entry = item.kind === 'map' ? item.entries[0] : undefined;
  const type = entry?.key.source ?? '';
  const spec = Object.hasOwn(specs.transforms, type) ? specs.transforms[type] : undefined;
  if (!entry || !spec) return { ...before, whole: false };
  const effect = spec.capabilities.columns;
  if (effect === undefined) return before;
  if (effect === 'replace') return { ...before, whole: false };
  const named = itemsOf(entry.value, 'columns').flatMap((node) =>
    node.kind === 'scalar' ? [node.source] : (textOf(node, 'name') ?? []),
  );
  if (effect === 'keep') return { columns: named.map((name) => find(before.columns, name) ?? made(name)), whole: true };
  if (effect === 'drop') {
    return { ...before, columns: before.columns.filter((column) => !named.some((name) => same(name, column.name))) };
  }
  const added = named.filter((name) => !find(before.columns, name)).map(made);
  return { ...before, columns: [...before.columns, ...added] };
}

function addDerived(rules: readonly MapNode[], facts: ColumnFacts): void {
  for (const rule of rules.filter(isDerived)) {
    const name = textOf(rule, 'name');
    const found = name === undefined ? undefined : find(facts.columns, name);
    if (found) Object.assign(found, given(declared(rule, null)));
    else if (name !== undefined) facts.columns.push(declared(rule, null));
  }
}

function fact(column: RecordedColumn, origin: ColumnFact['origin'], from: string | null): ColumnFact {
  const { name, type, nullable, null_share } = column;
  return { name, from, type, nullable, null_share, origin };
}

function made(name: string): ColumnFact {
  return { name, from: null, type: null, nullable: null, null_share: null, origin: 'step' };
}

function declared(rule: MapNode, from: string | null): ColumnFact {
  const nullable = textOf(rule, 'nullable');
  return {
    name: textOf(rule, 'name') ?? '',
    from,
    type: textOf(rule, 'type') ?? null,
    nullable: nullable === undefined ? null : nullable === 'true',
    null_share: null,
    origin: 'columns',
  };
}

function isDerived(rule: Node): boolean {
  return textOf(rule, 'derived') === 'true';
}

/** Name in the source that a rule is about; null where it is about none. */
function sourceName(rule: Node): string | null {
  if (isDerived(rule) || child(rule, 'metadata')) return null;
  return textOf(rule, 'from') ?? textOf(rule, 'name') ?? null;
}

function same(a: string | null, b: string): boolean {
  return a !== null && a.toLowerCase() === b.toLowerCase();
}

export function find(columns: readonly ColumnFact[], name: string): ColumnFact | undefined {
  return columns.find((column) => column.name === name) ?? columns.find((column) => same(column.name, name));
}

/** A column's type and nulls in one line. */
export function factText(column: ColumnFact): string {
  const parts = [column.type ?? 'type not known yet'];
  if (column.null_share !== null) parts.push(`${percent(column.null_share)} null`);
  else if (column.nullable === false) parts.push('never null');
  if (column.from !== null && !same(column.from, column.name)) parts.push(`from \`${column.from}\``);
  return parts.join(', ');
}

function percent(share: number): string {
  if (share === 0) return 'none';
  const value = share * 100;
  return value < 0.1 ? 'under 0.1%' : `${value.toFixed(value < 10 ? 1 : 0)}%`;
}

/** Which point of its stream a place of a job speaks of, by its path and the kind of name that stands there. */
export function pointOf(
  parts: readonly string[],
  kind: string | undefined,
): { stream: number | null; point: ColumnPoint } {
  const stream = parts[0] === 'streams' && parts[1] !== undefined ? Number(parts[1]) : null;
  const own = stream === null ? parts : parts.slice(2);
  if (own[0] === 'columns' && kind === 'new-column') return { stream, point: 'source' };
  if (kind === 'source-column') return { stream, point: 'source' };
  if (own[0] === 'transform') return { stream, point: { before: Number(own[1] ?? 0) } };
  return { stream, point: 'end' };
}
