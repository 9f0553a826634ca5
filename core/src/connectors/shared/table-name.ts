import { SluiceError } from '../../model/error.ts';

/**
 * The parts of a table's name as `source.table` has it: split at dots, a part in double quotes taken as it stands. Throws
 * `source/table-name` (config).
 */
export function tableParts(text: string, most: number): string[] {
  const parts: string[] = [];
  const part = /\s*(?:"((?:[^"]|"")+)"|([^".]+?))\s*(\.|$)/y;
  for (let at = 0; at < text.length; at = part.lastIndex) {
    part.lastIndex = at;
    const found = part.exec(text);
    if (!found) throw badName(text, most);
    parts.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    if (found[3] === '.' && part.lastIndex === text.length) throw badName(text, most);
  }
  if (parts.length === 0 || parts.length > most) throw badName(text, most);
  return parts;
}

function badName(text: string, most: number): SluiceError {
  const form = ['table', 'schema.table', 'database.schema.table'].slice(0, most).join(' or ');
  return new SluiceError('source/table-name', 'config', `"${text}" is no name of a table`, {
    hint: `Write ${form}; a name with a dot in it stands in double quotes, and a double quote in it is written twice.`,
  });
}

/** A name as `tableParts` reads it back. */
export function tableName(...parts: string[]): string {
  return parts.map((part) => (/^[\w$ -]+$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join('.');
}

/**
 * What is read: one of table and query. Throws `source/table` (config) where it is neither or both. A query loses the
 * semicolon that ends it.
 */
export function tableOrQuery(settings: { table?: string; query?: string }): { table: string } | { query: string } {
  const { table, query } = settings;
  if (table !== undefined && query === undefined) return { table };
  if (query !== undefined && table === undefined) return { query: query.replace(/[\s;]+$/, '') };
  throw new SluiceError('source/table', 'config', 'A database source wants `table` or `query`, one of the two', {
    hint: 'Write `table: schema.name`, or a SELECT as `query`.',
  });
}

/** SQL of the user's in brackets, on lines of its own: a comment that ends it would take the closing one along. */
export function bracketed(sql: string): string {
  return `(\n${sql}\n)`;
}
