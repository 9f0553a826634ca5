import { isDeepStrictEqual } from 'node:util';
import { findColumn } from '../../model/columns.ts';
import type { Engine, Scope, SqlForm } from '../../model/component.ts';
import { type ErrorPlace, SluiceError } from '../../model/error.ts';
import { sqlScope, sqlShape, sqlTokens } from '../../model/sql-scope.ts';
import { plainSql, wrapExpression } from '../../model/sql-wrap.ts';
import type { Column } from '../../model/type.ts';
import { CageError } from './error.ts';
import { isTree, parameterError, parseSelect, severalStatements, type Tree } from './parse.ts';
import { type Findings, walkTree } from './walk.ts';

export interface InspectOptions {
  /** The relation's columns, where they are known: then `columnsUsed` and session words are exact. */
  columns?: readonly Column[];
  /** Where the text stands, for the error. */
  where?: ErrorPlace;
  /** What the text is, in words, for the error: `filter`, `checks/expression`. */
  label?: string;
}

export interface Inspected {
  scope: Scope;
  /** Columns that the text names, in the relation's spelling; all of them where `*` stands in a query. */
  columnsUsed: string[];
}

/**
 * The first layer of the cage: reads user SQL as the engine's own syntax tree and refuses all that is not known to be
 * harmless, before any of it is set into a statement. The second layer is the engine's locked configuration.
 * Throws SluiceError `sql/…` of kind config.
 */
export async function inspectUserSql(
  engine: Engine,
  text: string,
  form: SqlForm,
  options: InspectOptions = {},
): Promise<Inspected> {
  try {
    checkTokens(text);
    if (form === 'order' && sqlScope(text) === 'run') throw aggregateInOrder();
    const part = await parseForm(engine, plainSql(text), form);
    const findings = walkTree(part, {
      query: form === 'query',
      places: await placeNames(engine),
      columns: options.columns ? new Set(options.columns.map((column) => column.name.toLowerCase())) : null,
    });
    checkShape(text, form, findings);
    const scope = form === 'query' || findings.aggregate || findings.window ? 'run' : 'row';
    return { scope, columnsUsed: columnsUsed(findings, options.columns) };
  } catch (error) {
    if (!(error instanceof CageError)) throw error;
    const label = options.label ?? FORM_WORDS[form];
    throw new SluiceError(error.code, 'config', `${label}: ${error.message}`, {
      where: options.where ?? {},
      hint: error.hint,
    });
  }
}

const FORM_WORDS: Record<SqlForm, string> = { expression: 'SQL expression', query: 'SQL query', order: 'SQL order' };

/** What the text alone says, with clearer words than the parser has. */
function checkTokens(text: string): void {
  if (text.includes('\0')) throw new CageError('sql/syntax', 'it holds a NUL character', 'Remove it');
  const tokens = sqlTokens(text);
  if (tokens.length === 0) throw new CageError('sql/empty', 'there is no SQL', 'Write the SQL, or remove the step');
  for (const token of tokens) {
    if (token.kind === 'bad') {
      throw new CageError('sql/unclosed', `what ${token.text} opens is not closed`, 'Close the quote or comment');
    }
    if (token.kind === 'parameter') throw parameterError();
    if (token.kind === 'symbol' && token.text === ';') throw severalStatements();
  }
}

/**
 * The tree of the user's part. The text is read twice, alone and set in as it will run: where the two trees differ, the
 * text reaches out of its place.
 */
async function parseForm(engine: Engine, text: string, form: SqlForm): Promise<unknown> {
  if (form === 'query') return parseQuery(engine, text);
  return form === 'order' ? parseOrder(engine, text) : parseExpression(engine, text);
}

async function parseQuery(engine: Engine, text: string): Promise<unknown> {
  const alone = await parseSelect(engine, text, 0);
  const set = nodeOf(await parseSet(engine, `SELECT * FROM ${wrapExpression(text)}`));
  const table = isTree(set.from_table) ? set.from_table : {};
  if (table.type !== 'SUBQUERY' || !isDeepStrictEqual(nodeOf(table.subquery), nodeOf(alone))) throw reachesOut();
  return nodeOf(alone);
}

async function parseExpression(engine: Engine, text: string): Promise<unknown> {
  const prefix = 'SELECT\n';
  const alone = nodeOf(await parseSelect(engine, `${prefix}${text}\n`, prefix.length));
  const set = nodeOf(await parseSet(engine, `SELECT ${wrapExpression(text)}`));
  const empty = nodeOf(await parseSelect(engine, 'SELECT 1', 0));
  if (!isDeepStrictEqual({ ...alone, select_list: [] }, { ...empty, select_list: [] })) throw notOne();
  const [item, ...more] = alone.select_list as Tree[];
  if (!item || more.length > 0 || !isDeepStrictEqual(alone, set)) throw notOne();
  if (item.alias !== '') throw notOne();
  return item;
}

async function parseOrder(engine: Engine, text: string): Promise<unknown> {
  const prefix = 'SELECT 1 FROM input ORDER BY\n';
  const alone = nodeOf(await parseSelect(engine, `${prefix}${text}\n`, prefix.length));
  const set = nodeOf(await parseSet(engine, `SELECT row_number() OVER (ORDER BY\n${text}\n) FROM input`));
  const plain = nodeOf(await parseSelect(engine, 'SELECT 1 FROM input', 0));
  if (!isDeepStrictEqual({ ...alone, modifiers: [] }, plain)) throw notOne();
  const [modifier, ...more] = alone.modifiers as Tree[];
  const [window] = set.select_list as Tree[];
  if (more.length > 0 || modifier?.type !== 'ORDER_MODIFIER' || !isDeepStrictEqual(modifier.orders, window?.orders)) {
    throw notOne();
  }
  for (const order of modifier.orders as Tree[]) {
    if (isTree(order.expression) && order.expression.class === 'CONSTANT') {
      throw new CageError('sql/order', 'a constant orders nothing', 'Name columns: `updated_at desc, id`');
    }
  }
  return modifier.orders;
}

/** Parses the text in its place. What cannot be read there, but can alone, reaches out of it. */
async function parseSet(engine: Engine, sql: string): Promise<Tree> {
  try {
    return await parseSelect(engine, sql, 0);
  } catch (error) {
    if (error instanceof CageError) throw reachesOut();
    throw error;
  }
}

function nodeOf(statement: unknown): Tree {
  const node = isTree(statement) ? statement.node : null;
  return isTree(node) ? node : {};
}

function notOne(): CageError {
  return new CageError(
    'sql/not_one',
    'it is not one value: no comma, alias, FROM, WHERE or other clause can stand here',
    'Write one expression over the columns',
  );
}

function reachesOut(): CageError {
  return new CageError(
    'sql/not_one',
    'it cannot be set in as a part of a larger statement',
    'Write one plain SELECT or expression',
  );
}

/** The editor's reading by tokens and the engine's by its tree must agree, or the step would run in another scope than was shown. */
function checkShape(text: string, form: SqlForm, findings: Findings): void {
  const shape = sqlShape(text);
  if (form === 'query' || (shape.aggregate === findings.aggregate && shape.window === findings.window)) return;
  throw new CageError(
    'sql/scope',
    'its aggregate or window calls cannot be told',
    'Write calls plainly: name(arguments) over (…)',
  );
}

function aggregateInOrder(): CageError {
  return new CageError(
    'sql/aggregate',
    'an order cannot call an aggregate or window function',
    'Derive a column first, and order by it',
  );
}

function columnsUsed(findings: Findings, columns: readonly Column[] | undefined): string[] {
  if (!columns) return [...findings.names].sort();
  if (findings.star) return columns.map((column) => column.name);
  const used = new Set([...findings.names].map((name) => findColumn(columns, name)?.name));
  return columns.map((column) => column.name).filter((name) => used.has(name));
}

async function placeNames(engine: Engine): Promise<ReadonlySet<string>> {
  const rows = await engine.rows(
    'SELECT DISTINCT lower(unnest([database_name, schema_name])) AS name FROM duckdb_schemas()',
  );
  return new Set(rows.map((row) => String(row.name)));
}
