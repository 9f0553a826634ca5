import { userColumns } from './columns.ts';
import { ident } from './sql.ts';
import type { Column } from './type.ts';

/**
 * Sets a user's expression into a larger statement. The line ends matter: without them a comment at the end of the text
 * would swallow what follows.
 */
export function wrapExpression(text: string): string {
  return `(\n${text}\n)`;
}

/** A SELECT of a user's query, with `input` bound to the relation's columns without the hidden ones. */
export function wrapQuery(text: string, input: readonly Column[]): string {
  const columns = userColumns(input).map((column) => ident(column.name));
  return `SELECT * FROM (WITH "input" AS (SELECT ${columns.join(', ')} FROM "input") SELECT * FROM ${wrapExpression(text)})`;
}
