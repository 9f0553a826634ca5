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
  columns: readonly ColumnFact[];
  /** Every column is in the list: a name that is not in it does not exist at this point. */
  whole: boolean;
}

/** A point of a row's walk: in the source, after `columns`, before a step of `transform`, or after all of them. */
export type ColumnPoint = 'source' | 'columns' | 'end' | { before: number };

/** The record of a stream, or null where nothing is known of its source. */
export function recordOf(stream: StreamView, view: JobView, host: LanguageHost): ColumnRecord | null {
  return host.columns?.(recordKeys(stream.node, view.scope)) ?? null;
}

/** What was worked out of a stream so far, each part when it was first asked for. */
interface Walk {
  record: ColumnRecord | null;
  source: ColumnFacts | null;
  /** After `columns`, and after each step. */
  after: ColumnFacts[];
  end: ColumnFacts | null;
}

const walks = new WeakMap<StreamView, Walk>();

/** The columns at a point of a stream: those of its record and those that the file names. Remembered; not to be written into. */
export function columnsAt(stream: StreamView, record: ColumnRecord | null, point: ColumnPoint): ColumnFacts {
  let walk = walks.get(stream);
  if (walk?.record !== record || !walk) {
    walk = { record, source: null, after: [], end: null };
    walks.set(stream, walk);
  }
  const rules = itemsOf(stream.node, 'columns').filter((node) => node.kind === 'map') as MapNode[];
  if (point === 'source') {
    walk.source ??= { columns: sourceColumns(rules, record), whole: record !== null };
    return walk.source;
  }
  const steps = itemsOf(stream.node, 'transform');
  if (point === 'end') {
    walk.end ??= withDerived(rules, after(walk, stream, rules, steps, steps.length));
    return walk.end;
  }
  return after(walk, stream, rules, steps, point === 'columns' ? 0 : Math.min(point.before, steps.length));
}

function after(
  walk: Walk,
  stream: StreamView,
  rules: readonly MapNode[],
  steps: readonly Node[],
  count: number,
): ColumnFacts {
  const { record, after: known } = walk;
  known[0] ??= afterColumns(rules, record);
  const bound = known.length <= count && record?.steps_hash === stepsHash(stream.node) ? (record?.steps ?? []) : [];
  while (known.length <= count) {
    const i = known.length - 1;
    known.push(afterStep(steps[i]!, known[i]!, bound[i] ?? null));
  }
  return known[count]!;
}

function sourceColumns(rules: readonly MapNode[], record: ColumnRecord | null): ColumnFact[] {
  const columns = (record?.columns ?? []).map((column) => fact(column, 'source', column.name));
  const known = new Set(columns.map(({ name }) => name.toLowerCase()));
  for (const rule of rules) {
    const from = sourceName(rule);
    if (from === null || known.has(from.toLowerCase())) continue;
    known.add(from.toLowerCase());
    columns.push({ ...declared(rule, from), name: from });
  }
  return columns;
}

function afterColumns(rules: readonly MapNode[], record: ColumnRecord | null): ColumnFacts {
  const columns: ColumnFact[] = [];
  const bySource = new Map<string, MapNode>();
  for (const rule of record ? rules : []) {
    const from = sourceName(rule)?.toLowerCase();
    if (from !== undefined && !bySource.has(from)) bySource.set(from, rule);
  }
  const taken = new Set<MapNode>();
  for (const column of record?.columns ?? []) {
    const rule = bySource.get(column.name.toLowerCase());
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

function withDerived(rules: readonly MapNode[], facts: ColumnFacts): ColumnFacts {
  const derived = rules.filter((rule) => isDerived(rule) && textOf(rule, 'name') !== undefined);
  if (derived.length === 0) return facts;
  const columns = [...facts.columns];
  for (const rule of derived) {
    const own = declared(rule, null);
    const found = find(facts.columns, own.name);
    if (found) columns[columns.indexOf(found)] = { ...found, ...given(own) };
    else columns.push(own);
  }
  return { ...facts, columns };
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

interface Names {
  exact: ReadonlyMap<string, ColumnFact>;
  folded: ReadonlyMap<string, ColumnFact>;
}

const names = new WeakMap<readonly ColumnFact[], Names>();

/** The column of a name, as it is written or else in other letters. */
export function find(columns: readonly ColumnFact[], name: string): ColumnFact | undefined {
  let known = names.get(columns);
  if (!known) {
    const backwards = columns.toReversed();
    known = {
      exact: new Map(backwards.map((column) => [column.name, column])),
      folded: new Map(backwards.map((column) => [column.name.toLowerCase(), column])),
    };
    names.set(columns, known);
  }
  return known.exact.get(name) ?? known.folded.get(name.toLowerCase());
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
