import { sqlTokens } from '../model/sql-scope.ts';
import type { Schema } from '../spec/schema.ts';
import type { ScalarNode } from '../text/node.ts';
import { type Caret, MARK } from './caret.ts';
import { factText } from './column-flow.ts';
import { columnsFor } from './complete-columns.ts';
import { snippetText } from './snippets.ts';
import type { Completion, LanguageContext } from './types.ts';

const WORDS = [
  'and',
  'or',
  'not',
  'is null',
  'is not null',
  'in ($1)',
  'between $1 and $2',
  'like ',
  'case when $1 then $2 else $3 end',
  'cast($1 as $2)',
];
const FUNCTIONS: Readonly<Record<string, string>> = {
  'coalesce($1)': 'The first value that is not null.',
  'lower($1)': 'In lower case.',
  'upper($1)': 'In upper case.',
  'trim($1)': 'Without blanks around it.',
  'length($1)': 'Number of characters.',
  'round($1, ${2:2})': 'Rounded to that many digits.',
  'abs($1)': 'Without its sign.',
  "date_trunc('${1|day,hour,month,year|}', $2)": 'The begin of the day, hour …',
  'regexp_replace($1, $2, $3)': 'Replaces what matches a regular expression.',
  'regexp_matches($1, $2)': 'Whether a regular expression matches.',
  'split_part($1, $2, $3)': 'The nth part between separators.',
  'strptime($1, $2)': 'A text read as a time, by a strftime pattern.',
  'nullif($1, $2)': 'Null where the two are equal.',
  'concat($1)': 'Texts in a row; null is nothing.',
};

/** Columns and a few functions inside SQL. */
export function completeSql(context: LanguageContext, caret: Caret, node: ScalarNode, schema: Schema): Completion[] {
  const kind = schema['x-kind'];
  if (kind !== 'sql-expression' && kind !== 'sql-query' && kind !== 'sql-order') return [];
  const { text } = caret;
  const typed = /(?:"[^"]*|[A-Za-z_]\w*)?$/.exec(caret.typed)?.[0] ?? '';
  if (inText(caret, node)) return [];
  const end = caret.range.start + caret.typed.length;
  const after = /^\w*"?/.exec(text.slice(end))?.[0].length ?? 0;
  const range = { start: end - typed.length, end: typed.startsWith('"') || !caret.typed ? end : end + after };
  const columns = columnsFor(context, caret, node.path, kind);
  const items = columns.map(
    (column): Completion => ({
      label: column.name,
      kind: 'column',
      detail: column.type ?? '',
      documentation: () => factText(column),
      insert: snippetText(sqlName(column.name, caret)),
      range,
      ...(typed.startsWith('"') ? { filter: `"${column.name}"` } : {}),
    }),
  );
  if (kind === 'sql-order')
    return [...items, ...['asc', 'desc', 'nulls first', 'nulls last'].map((word) => plain(word, range))];
  if (kind === 'sql-query')
    items.push(plain('select ', range), plain('from input', range), plain('where ', range), plain('group by ', range));
  for (const [insert, documentation] of Object.entries(FUNCTIONS))
    items.push({
      label: insert.slice(0, insert.indexOf('(')),
      kind: 'function',
      documentation: () => documentation,
      insert,
      range,
    });
  return [...items, ...WORDS.map((word) => plain(word, range))];
}

function plain(insert: string, range: Completion['range']): Completion {
  return {
    label: insert
      .replace(/\$\d|[()]/g, '')
      .replace(/\s+/g, ' ')
      .trim(),
    kind: 'value',
    insert,
    range,
  };
}

/** A name as SQL wants it: in double quotes where it is no plain word. Inside double quotes of YAML these are escaped. */
function sqlName(name: string, caret: Caret): string {
  if (/^[a-z_][a-z0-9_]*$/i.test(name)) return name;
  const quoted = `"${name.replaceAll('"', '""')}"`;
  return caret.quote === '"' ? quoted.replaceAll('"', '\\"') : quoted;
}

/** Whether the caret is inside a quoted text of the SQL. */
function inText(caret: Caret, node: ScalarNode): boolean {
  const before = caret.block ? node.source.slice(0, node.source.indexOf(MARK)) : caret.typed;
  const last = sqlTokens(before).at(-1);
  return last?.kind === 'bad' && last.text !== '"';
}
