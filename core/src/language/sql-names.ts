import { type SqlToken, sqlTokens } from '../model/sql-scope.ts';
import type { TextKind } from '../spec/schema.ts';

/** Words of SQL that are no column where they stand without quotes. */
const RESERVED =
  /^(?:all|and|any|as|asc|between|by|case|cast|desc|distinct|else|end|exists|false|filter|first|from|group|having|in|input|is|join|last|left|like|ilike|limit|not|null|nulls|on|or|order|over|partition|right|select|then|true|union|using|when|where|with)$/i;

/** Functions in whose parentheses FROM names no table. */
const WITH_FROM: ReadonlySet<string> = new Set(['extract', 'trim', 'substring', 'overlay']);

export interface SqlName {
  token: SqlToken;
  /** A query gives a column this name. */
  isMade: boolean;
}

/** Words and quoted names of an SQL text that are columns: no functions, types, tables, or words of the language. */
export function sqlColumns(sql: string, kind: TextKind): SqlName[] {
  const tokens = sqlTokens(sql);
  const found: SqlName[] = [];
  // For each open parenthesis the word before it.
  const open: string[] = [];
  tokens.forEach((token, i) => {
    const [before, next] = [tokens[i - 1], tokens[i + 1]];
    if (token.kind === 'symbol') {
      if (token.text === '(') open.push(wordOf(before).toLowerCase());
      else if (token.text === ')') open.pop();
      return;
    }
    const inside = open.at(-1) ?? '';
    if (!isName(token, next) || isSymbol(before, ':')) return;
    if (!WITH_FROM.has(inside) && [before, tokens[i - 2]].some((earlier) => /^(?:from|join)$/i.test(wordOf(earlier))))
      return;
    if (inside === 'extract' && isSymbol(before, '(')) return;
    const isAlias = /^as$/i.test(wordOf(before));
    if (!isAlias) found.push({ token, isMade: false });
    else if (kind === 'sql-query' && !/^(?:try_)?cast$/.test(inside)) found.push({ token, isMade: true });
  });
  return found;
}

function wordOf(token: SqlToken | undefined): string {
  return token?.kind === 'word' ? token.text : '';
}

function isSymbol(token: SqlToken | undefined, text: string): boolean {
  return token?.kind === 'symbol' && token.text === text;
}

function isName(token: SqlToken, next: SqlToken | undefined): boolean {
  if (isSymbol(next, '(') || isSymbol(next, '.')) return false;
  if (token.kind === 'quoted') return true;
  // `date '2026-01-01'` is a value.
  return token.kind === 'word' && next?.kind !== 'string' && !RESERVED.test(token.text);
}
