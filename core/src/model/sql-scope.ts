import type { Scope } from './component.ts';
import { AGGREGATE_FUNCTIONS } from './sql-functions.ts';

export interface SqlToken {
  /** `bad`: a text, name or comment that is not closed. */
  kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol' | 'bad';
  /** As it stands in the text, but a quoted name without its quotes. */
  text: string;
  start: number;
  end: number;
}

/** The engine's white space: some of Unicode's, not all. What else is not ASCII is a letter to it. */
const SPACE = String.raw`\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff`;
const LETTER = String.raw`[A-Za-z_]|[^\x00-\x7f${SPACE}]`;
const NAME = `(?:${LETTER})(?:${LETTER}|[0-9])*`;

const PATTERNS: readonly [SqlToken['kind'] | 'space', RegExp][] = [
  ['space', new RegExp(`[ \\t\\n\\r\\f\\v${SPACE}]+|--[^\\n\\r]*`, 'y')],
  ['string', /[eE]'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*'/y],
  ['bad', /[eE]'/y],
  ['string', /[bBxXnN]?'[^']*(?:''[^']*)*'/y],
  ['string', new RegExp(`\\$(${NAME})?\\$[\\s\\S]*?\\$\\1\\$`, 'y')],
  ['bad', new RegExp(`\\$(?:${NAME})?\\$`, 'y')],
  ['parameter', new RegExp(`\\$(?:${LETTER}|[0-9])+|\\?`, 'y')],
  ['quoted', /"[^"]*(?:""[^"]*)*"/y],
  ['number', /(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?/y],
  ['word', new RegExp(`(?:${LETTER})(?:${LETTER}|[0-9$])*`, 'y')],
];

/** Splits SQL into tokens by the engine's lexical rules; comments and space are left out. Never throws. */
export function sqlTokens(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  let at = 0;
  while (at < sql.length) {
    if (sql.startsWith('/*', at)) {
      const end = commentEnd(sql, at);
      if (end === null) {
        tokens.push({ kind: 'bad', text: '/*', start: at, end: sql.length });
        break;
      }
      at = end;
      continue;
    }
    const token = readToken(sql, at);
    if (token.kind !== 'space') tokens.push(token as SqlToken);
    at = token.end;
  }
  return tokens;
}

function readToken(
  sql: string,
  at: number,
): { kind: SqlToken['kind'] | 'space'; text: string; start: number; end: number } {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(sql);
    if (!match) continue;
    const raw = match[0];
    const text = kind === 'quoted' ? raw.slice(1, -1).replaceAll('""', '"') : raw;
    return { kind, text, start: at, end: kind === 'bad' ? sql.length : at + raw.length };
  }
  const ch = sql[at] ?? '';
  const open = ch === "'" || ch === '"';
  return { kind: open ? 'bad' : 'symbol', text: ch, start: at, end: open ? sql.length : at + 1 };
}

/** Block comments nest. */
function commentEnd(sql: string, start: number): number | null {
  let depth = 0;
  for (let at = start; at < sql.length - 1; at++) {
    const pair = sql.slice(at, at + 2);
    if (pair === '/*') depth++;
    else if (pair === '*/') depth--;
    else continue;
    at++;
    if (depth === 0) return at + 1;
  }
  return null;
}

export interface SqlShape {
  /** An aggregate without OVER: one answer for all rows. */
  aggregate: boolean;
  /** A window function: an answer per row that depends on other rows. */
  window: boolean;
}

/** Says by the text alone whether SQL calls aggregates or window functions. Pure and total: the editor's answer is the engine's. */
export function sqlShape(sql: string): SqlShape {
  const tokens = sqlTokens(sql);
  const shape: SqlShape = { aggregate: false, window: false };
  for (let i = 0; i < tokens.length; i++) {
    const name = callName(tokens, i);
    if (name === null || !AGGREGATE_FUNCTIONS.has(name)) continue;
    if (isWord(tokens[afterCall(tokens, i + 1)], 'over')) shape.window = true;
    else shape.aggregate = true;
  }
  return shape;
}

/** Row where every row's answer depends on that row alone, else run. */
export function sqlScope(sql: string): Scope {
  const shape = sqlShape(sql);
  return shape.aggregate || shape.window ? 'run' : 'row';
}

function callName(tokens: readonly SqlToken[], i: number): string | null {
  const token = tokens[i];
  const named = token?.kind === 'word' || token?.kind === 'quoted';
  return named && isSymbol(tokens[i + 1], '(') ? token.text.toLowerCase() : null;
}

/** Index of the first token after a call's arguments and what may stand between them and OVER. */
function afterCall(tokens: readonly SqlToken[], open: number): number {
  let at = closing(tokens, open) + 1;
  for (;;) {
    if (isWord(tokens[at], 'filter') && isSymbol(tokens[at + 1], '(')) at = closing(tokens, at + 1) + 1;
    else if (isWord(tokens[at], 'within') && isSymbol(tokens[at + 2], '(')) at = closing(tokens, at + 2) + 1;
    else return at;
  }
}

function closing(tokens: readonly SqlToken[], open: number): number {
  let depth = 0;
  for (let i = open; i < tokens.length; i++) {
    if (isSymbol(tokens[i], '(')) depth++;
    else if (isSymbol(tokens[i], ')') && --depth === 0) return i;
  }
  return tokens.length;
}

function isSymbol(token: SqlToken | undefined, text: string): boolean {
  return token?.kind === 'symbol' && token.text === text;
}

function isWord(token: SqlToken | undefined, text: string): boolean {
  return token?.kind === 'word' && token.text.toLowerCase() === text;
}
