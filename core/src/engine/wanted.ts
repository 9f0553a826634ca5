import type { Engine } from '../model/component.ts';
import { toDuckType } from '../model/duck.ts';
import type { Stream } from '../model/job.ts';
import type { Comparison, RowTest } from '../model/row-test.ts';
import type { Checkpoint, RunWindow } from '../model/run.ts';
import { literal } from '../model/sql.ts';
import { type DataType, sameType } from '../model/type.ts';
import { isTree, parseSelect, type Tree } from './cage/parse.ts';
import { loadSteps } from './components.ts';
import { cursorState, lookback } from './cursor.ts';
import { guard } from './pipeline.ts';
import type { PlannedColumn, StreamPlan } from './stream-plan.ts';
import { windowBounds } from './window.ts';

interface WantedInput {
  stream: Stream;
  plan: StreamPlan;
  /** What the last commit stored; null: a full load. */
  checkpoint: Checkpoint | null;
  window: RunWindow | null;
}

/**
 * What a row of the source has to meet for the run to take it further, by the cursor or window and the filters that come first; null
 * where nothing is known, and where a row that is left out anyway could be a bad one, which counts.
 */
export async function wantedRows(engine: Engine, { stream, plan, ...run }: WantedInput): Promise<RowTest | null> {
  if (!plan.columns.every((column) => column.from === null || (column.nullable && guard(column).bad === 'false')))
    return null;
  const tests = [incrementalTest(stream, plan, run), ...(await filterTests(engine, stream, plan))];
  const known = tests.filter((test) => test !== null);
  return known.length > 0 ? { all: known } : null;
}

/** Rows without a value stay wanted: they are loaded, or it is said how many were left out. */
function incrementalTest(
  { incremental }: Stream,
  plan: StreamPlan,
  { checkpoint, window }: Pick<WantedInput, 'checkpoint' | 'window'>,
): RowTest | null {
  const column = plan.columns.find(({ name }) => name === (plan.cursor ?? plan.window));
  const tested = column && plainColumn(column);
  if (!tested) return null;
  const at = (text: string) => `CAST(${literal(text)} AS ${toDuckType(tested.type)})`;
  const orNone = (...all: RowTest[]): RowTest => ({ any: [{ all }, { ...tested, isNull: true }] });
  if (window) {
    const { from, to } =
      incremental.type === 'window'
        ? windowBounds(incremental, { name: column.name, type: tested.type }, window)
        : window;
    return orNone({ ...tested, compare: '>=', value: at(from) }, { ...tested, compare: '<', value: at(to) });
  }
  // From the rows of a first load a cursor begins, whatever its initial value leaves out of them.
  const state = cursorState(checkpoint);
  if (incremental.type !== 'cursor' || state === null) return null;
  return orNone({ ...tested, compare: '>=', value: lookback(at(state.value), tested.type, incremental.lookback_ms) });
}

/** Conditions of the steps that come first and do nothing but leave rows out. */
async function filterTests(engine: Engine, stream: Stream, plan: StreamPlan): Promise<(RowTest | null)[]> {
  const { steps } = await loadSteps(stream, engine);
  const tests: (RowTest | null)[] = [];
  for (const { step, transform } of steps) {
    const condition = transform.condition?.(step.settings) ?? null;
    if (condition === null) break;
    const statement = await parseSelect(engine, `SELECT\n${condition}\n`, 0).catch(() => null);
    const node = statement?.node;
    const item = isTree(node) && Array.isArray(node.select_list) ? node.select_list[0] : null;
    tests.push(isTree(item) ? testOf(item, plan.columns) : null);
  }
  return tests;
}

const COMPARISONS: Record<string, Comparison> = {
  COMPARE_LESSTHAN: '<',
  COMPARE_LESSTHANOREQUALTO: '<=',
  COMPARE_EQUAL: '=',
  COMPARE_GREATERTHANOREQUALTO: '>=',
  COMPARE_GREATERTHAN: '>',
  COMPARE_NOTEQUAL: '<>',
};
const TURNED: Record<Comparison, Comparison> = { '<': '>', '<=': '>=', '=': '=', '>=': '<=', '>': '<', '<>': '<>' };

/** null: any row may meet it. */
function testOf(node: Tree, columns: readonly PlannedColumn[]): RowTest | null {
  const type = String(node.type);
  const trees = (value: unknown): Tree[] => (Array.isArray(value) ? value.filter(isTree) : []);
  const children = trees(node.children);
  if (type === 'CONJUNCTION_AND') return allOf(children.map((child) => testOf(child, columns)));
  if (type === 'CONJUNCTION_OR') return anyOf(children.map((child) => testOf(child, columns)));
  const [first, ...rest] = children;
  if (type === 'COMPARE_IN') return anyOf(rest.map((value) => compared(first, '=', value, columns)));
  if (type === 'OPERATOR_IS_NULL' || type === 'OPERATOR_IS_NOT_NULL') {
    const column = columnOf(first, columns);
    return column && { ...column, isNull: type === 'OPERATOR_IS_NULL' };
  }
  if (type === 'COMPARE_BETWEEN' && node.class === 'BETWEEN')
    return allOf([compared(node.input, '>=', node.lower, columns), compared(node.input, '<=', node.upper, columns)]);
  const compare = node.class === 'COMPARISON' ? COMPARISONS[type] : undefined;
  if (!compare) return null;
  return compared(node.left, compare, node.right, columns) ?? compared(node.right, TURNED[compare], node.left, columns);
}

function allOf(tests: readonly (RowTest | null)[]): RowTest | null {
  const all = tests.filter((test) => test !== null);
  return all.length > 0 ? { all } : null;
}

function anyOf(tests: readonly (RowTest | null)[]): RowTest | null {
  const any = tests.filter((test) => test !== null);
  return any.length === tests.length && any.length > 0 ? { any } : null;
}

function compared(
  left: unknown,
  compare: Comparison,
  right: unknown,
  columns: readonly PlannedColumn[],
): RowTest | null {
  const column = columnOf(left, columns);
  const value = column && isTree(right) ? constantSql(right, column.type) : null;
  return column && value !== null ? { ...column, compare, value } : null;
}

/** A column that reaches the steps as it stands in the source. */
function columnOf(node: unknown, columns: readonly PlannedColumn[]): { column: string; type: DataType } | null {
  if (!isTree(node) || node.class !== 'COLUMN_REF' || !Array.isArray(node.column_names)) return null;
  const [name, ...more] = node.column_names.map((part) => String(part).toLowerCase());
  const found = more.length === 0 ? columns.filter((column) => column.name.toLowerCase() === name) : [];
  return found.length === 1 && found[0] ? plainColumn(found[0]) : null;
}

function plainColumn({ from, raw, type, scale, native }: PlannedColumn): { column: string; type: DataType } | null {
  const isPlain = from !== null && raw !== null && sameType(raw, type) && scale === null && native === undefined;
  return isPlain ? { column: from, type } : null;
}

/** Which casts of a text constant leave a column of a kind as it is when the two are compared. */
const CASTS: Partial<Record<DataType['kind'], readonly string[]>> = {
  date: ['DATE', 'TIMESTAMP'],
  timestamp: ['DATE', 'TIMESTAMP'],
  timestamptz: ['TIMESTAMP WITH TIME ZONE'],
};
const NUMBERS: ReadonlySet<DataType['kind']> = new Set(['int', 'bigint', 'decimal']);

/**
 * SQL of a constant that the engine compares with a column in an order which is that of the column's own values; null for any other.
 * A text is compared with a text, or becomes a value of the column's type.
 */
function constantSql(node: Tree, { kind }: DataType): string | null {
  if (node.class === 'CAST') {
    const cast = isTree(node.cast_type) ? String(node.cast_type.id) : '';
    const text = isTree(node.child) ? textOf(node.child) : null;
    const kept = node.try_cast === false && text !== null && CASTS[kind]?.includes(cast);
    return kept ? `CAST(${text} AS ${cast})` : null;
  }
  if (NUMBERS.has(kind)) return numberOf(node);
  return kind === 'text' || CASTS[kind] ? textOf(node) : null;
}

function constantOf(node: Tree): { id: string; info: unknown; value: unknown } | null {
  const { value } = node;
  if (node.class !== 'CONSTANT' || !isTree(value) || value.is_null !== false || !isTree(value.type)) return null;
  return { id: String(value.type.id), info: value.type.type_info, value: value.value };
}

function textOf(node: Tree): string | null {
  const found = constantOf(node);
  const isText = found?.id === 'VARCHAR' && typeof found.value === 'string' && !found.value.includes('\0');
  return isText ? literal(String(found.value)) : null;
}

function numberOf(node: Tree): string | null {
  const found = constantOf(node);
  if (!found || !Number.isSafeInteger(found.value)) return null;
  if (found.id === 'INTEGER' || found.id === 'BIGINT') return String(found.value);
  if (found.id !== 'DECIMAL' || !isTree(found.info)) return null;
  const { width, scale } = found.info;
  return `CAST(${found.value}e-${scale} AS DECIMAL(${width},${scale}))`;
}
