import { HIDDEN_PREFIX, userColumns } from './columns.ts';
import { ident, literal } from './sql.ts';
import { type SqlToken, sqlTokens } from './sql-scope.ts';
import type { Column } from './type.ts';

/**
 * The same SQL without comments, and with plain white space between its tokens; line ends stay. So set in, a comment cannot
 * swallow what follows, and nothing in it misleads the engine's own replacement of no-break spaces, which does not know
 * block comments, backslash escapes and names with `$`: it would reach into the texts of other steps.
 */
export function plainSql(text: string): string {
  let plain = '';
  let at = 0;
  for (const token of sqlTokens(text)) {
    plain += gap(text.slice(at, token.start)) + plainToken(token, text);
    at = token.end;
  }
  return plain;
}

function gap(text: string): string {
  return text.replaceAll(/[^\n]+/g, '') || (text === '' ? '' : ' ');
}

function plainToken(token: SqlToken, text: string): string {
  const raw = text.slice(token.start, token.end);
  if (token.kind === 'string' && /^e/i.test(raw)) {
    return raw.replaceAll(/\\[\s\S]/g, (pair) => (pair === "\\'" ? "''" : pair));
  }
  return token.kind === 'word' && raw.includes('$') ? ident(raw) : raw;
}

/** Sets a user's expression into a larger statement. */
export function wrapExpression(text: string): string {
  return `(\n${plainSql(text)}\n)`;
}

/**
 * A SELECT of a user's query, with `input` bound to the relation's columns without the hidden ones. A hidden name that the
 * query makes up (from a pivoted value, say) is left out: it would be taken for the row's place.
 */
export function wrapQuery(text: string, input: readonly Column[]): string {
  const columns = userColumns(input).map((column) => ident(column.name));
  const shown = `COLUMNS(lambda name: NOT starts_with(lower(name), ${literal(HIDDEN_PREFIX)}))`;
  return `SELECT ${shown} FROM (WITH "input" AS (SELECT ${columns.join(', ')} FROM "input") SELECT * FROM ${wrapExpression(text)})`;
}
