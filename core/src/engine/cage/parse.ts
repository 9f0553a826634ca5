import type { Engine } from '../../model/component.ts';
import { literal } from '../../model/sql.ts';
import { CageError } from './error.ts';

/** A node of the engine's syntax tree, as `json_serialize_sql` writes it. */
export type Tree = { [key: string]: unknown };

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Serialized {
  error: boolean;
  error_type?: string;
  error_message?: string;
  position?: string;
  statements?: Tree[];
}

/**
 * The tree of a text that is exactly one SELECT, without the places in the text, so that two trees can be compared.
 * `prefix` counts the characters before the user's own text, for the place in an error.
 */
export async function parseSelect(engine: Engine, sql: string, prefix: number): Promise<Tree> {
  const rows = await engine.rows(`SELECT json_serialize_sql(${literal(sql)}) AS tree`);
  const parsed = JSON.parse(String(rows[0]?.tree), withoutPlaces) as Serialized;
  if (parsed.error) throw parseError(parsed, sql, prefix);
  const [statement, ...more] = parsed.statements ?? [];
  if (!statement)
    throw new CageError('sql/empty', 'there is no SQL', 'Write the expression or query, or remove the step');
  if (more.length > 0) throw severalStatements();
  return statement;
}

export function severalStatements(): CageError {
  return new CageError('sql/statements', 'it holds more than one statement', 'Write one statement, without `;`');
}

function withoutPlaces(key: string, value: unknown): unknown {
  return key === 'query_location' ? undefined : value;
}

function parseError(parsed: Serialized, sql: string, prefix: number): CageError {
  const message = parsed.error_message ?? 'it cannot be read';
  if (parsed.error_type === 'parser') {
    const at = Number(parsed.position);
    const inside =
      Number.isFinite(at) && at >= prefix ? ` (line ${sql.slice(prefix, at).split('\n').length} of the text)` : '';
    return new CageError(
      'sql/syntax',
      `${message}${inside}`,
      'The SQL is DuckDB’s: https://duckdb.org/docs/stable/sql/introduction',
    );
  }
  if (/parameter/i.test(message)) return parameterError();
  return new CageError(
    'sql/not_select',
    'only a SELECT that does not depend on the data can stand here',
    'COPY, ATTACH, INSERT, SET and the like cannot be used; give PIVOT its values with IN (…)',
  );
}

export function parameterError(): CageError {
  return new CageError(
    'sql/parameter',
    'it holds a parameter ($1, $name or ?), and no value is ever bound to one',
    "Write the value itself; a text with a dollar sign stands in single quotes: '$1'",
  );
}
