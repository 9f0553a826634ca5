/** Quotes an identifier by the SQL standard's rule; DuckDB, Postgres and SQLite share it. */
export function ident(...parts: string[]): string {
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

/** Quotes a text as a standard SQL string literal (no backslash escapes). */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A list of string literals in DuckDB's bracket form. */
export function literalList(texts: readonly string[]): string {
  return `[${texts.map(literal).join(', ')}]`;
}
