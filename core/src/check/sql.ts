import { type SqlToken, sqlTokens } from '../model/sql-scope.ts';
import type { TextFault } from './text-fault.ts';

/**
 * What the text of an SQL expression or query alone says is wrong: nothing in it, something not closed, more than one
 * statement, the wrong form. What only the engine can say is reported when a run starts.
 */
export function sqlFault(sql: string, form: 'expression' | 'query'): TextFault | null {
  const tokens = sqlTokens(sql);
  if (tokens.length === 0)
    return { code: 'sql/empty', message: `SQL is expected here: ${form === 'query' ? 'a SELECT' : 'an expression'}.` };
  return unclosed(tokens) ?? statements(sql, tokens) ?? wrongForm(tokens, form);
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

function unclosed(tokens: readonly SqlToken[]): TextFault | null {
  const open: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'bad') {
      const what = token.text === '/*' ? 'A comment' : token.text === '"' ? 'A quoted name' : 'A text';
      return { code: 'sql/unclosed', message: `${what} that begins with \`${token.text}\` is not closed.` };
    }
    if (token.kind !== 'symbol') continue;
    if (token.text in CLOSING) open.push(token.text);
    else if (')]}'.includes(token.text)) {
      const last = open.pop();
      if (!last || CLOSING[last] !== token.text)
        return { code: 'sql/unclosed', message: `This \`${token.text}\` closes nothing.` };
    }
  }
  const last = open.at(-1);
  return last ? { code: 'sql/unclosed', message: `A \`${last}\` is not closed.` } : null;
}

function statements(sql: string, tokens: readonly SqlToken[]): TextFault | null {
  const at = tokens.findIndex((token) => token.kind === 'symbol' && token.text === ';');
  if (at < 0) return null;
  if (at < tokens.length - 1)
    return { code: 'sql/statements', message: 'One statement is expected here; this holds more than one.' };
  const text = sql.slice(0, tokens[at]!.start).trimEnd();
  return {
    code: 'sql/statements',
    message: 'The `;` at the end must go: the text is set into a larger statement.',
    ...(text.includes('\n') ? {} : { text }),
  };
}

const QUERY_WORDS: ReadonlySet<string> = new Set(['select', 'with', 'from', 'values']);
const STATEMENT_WORDS: ReadonlySet<string> = new Set([
  'insert',
  'update',
  'delete',
  'create',
  'drop',
  'alter',
  'copy',
  'attach',
  'detach',
  'set',
  'pragma',
  'install',
  'load',
  'call',
  'export',
  'import',
  'truncate',
  'merge',
  'vacuum',
]);

function wrongForm(tokens: readonly SqlToken[], form: 'expression' | 'query'): TextFault | null {
  const first = tokens.find((token) => !(token.kind === 'symbol' && token.text === '('));
  const word = first?.kind === 'word' ? first.text.toLowerCase() : '';
  const second = tokens[1];
  if (form === 'query') {
    if (QUERY_WORDS.has(word)) return null;
    return { code: 'sql/form', message: 'A SELECT is expected here; `input` is the rows so far.' };
  }
  if (tokens[0] === first && (word === 'select' || word === 'where')) {
    return { code: 'sql/form', message: `An expression is expected here, without \`${word.toUpperCase()}\`.` };
  }
  if (tokens[0] === first && STATEMENT_WORDS.has(word) && second?.kind === 'word') {
    return { code: 'sql/form', message: `An expression is expected here, not a \`${word.toUpperCase()}\` statement.` };
  }
  return null;
}
