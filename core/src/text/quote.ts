/**
 * Writes a text as a quoted YAML scalar on one line: single quotes where nothing needs an escape, else the quotes that
 * read best.
 */
export function quoteYaml(text: string): string {
  if (/[\u0000-\u001f\u007f\u0085\u2028\u2029]/.test(text)) return JSON.stringify(text);
  if (text.includes("'") && !/["\\]/.test(text)) return `"${text}"`;
  if (!text.includes('"') && !text.includes('\\')) return `"${text}"`;
  return `'${text.replaceAll("'", "''")}'`;
}
