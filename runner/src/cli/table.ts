import { type Column, formatType, textWidth, uniqueNames } from '@sluice/core';
import { padEnd, padStart, plural, printableLine, type Style } from './terminal.ts';

export type Cell = string | number | boolean | null;

export interface Rows {
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
}

/** Forms that rows can be written in. */
export const ROW_FORMS = ['text', 'json', 'ndjson', 'csv', 'markdown'] as const;

/** Rows in one of ROW_FORMS. Exact in all: numbers that JSON readers would round are texts already. */
export function renderRows({ columns, rows }: Rows, form: string, style: Style): string {
  // Names that two columns share get a number, so that no value is lost in an object.
  const names = uniqueNames(columns.map((column) => column.name));
  switch (form) {
    case 'json':
      return rows.length === 0 ? '[]' : `[\n${rows.map((row) => jsonRow(names, row)).join(',\n')}\n]`;
    case 'ndjson':
      return rows.map((row) => `${jsonRow(names, row)}\n`).join('');
    case 'csv':
      return [names.map(csvText), ...rows.map((row) => row.map(csvCell))].map((line) => `${line.join(',')}\n`).join('');
    case 'markdown':
      return markdown(names, rows);
    default:
      return textTable(names, columns, rows, style);
  }
}

/** A list of ours in one of ROW_FORMS: columns by their names, and nothing where there is no value. */
export function renderList(names: readonly string[], rows: Rows['rows'], form: string, style: Style): string {
  const columns = names.map((name) => ({ name, type: { kind: 'text' } as const, nullable: true }));
  return form === 'text' ? textTable(names, columns, rows, style, '') : renderRows({ columns, rows }, form, style);
}

/** `(3 rows)`. */
export function rowCount(rows: Rows['rows']): string {
  return `(${plural(rows.length, 'row')})`;
}

/** Written pair by pair: as an object, a column named like a number would move to the front. */
function jsonRow(names: readonly string[], row: readonly Cell[]): string {
  const pairs = names.map((name, i) => `${JSON.stringify(name)}:${JSON.stringify(row[i] ?? null)}`);
  return `{${pairs.join(',')}}`;
}

/** Null is nothing, an empty text is `""`. */
function csvCell(cell: Cell): string {
  return cell === null ? '' : cell === '' ? '""' : csvText(String(cell));
}

function csvText(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function markdown(names: readonly string[], rows: Rows['rows']): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const cell = (text: string) => printableLine(text).replaceAll(/[\\|]/g, (char) => `\\${char}`);
  const body = rows.map((row) => line(row.map((value) => (value === null ? '' : cell(String(value))))));
  return line(names.map(cell)) + line(names.map(() => '---')) + body.join('');
}

/** Longest part of a value that a text table shows. */
const MAX_WIDTH = 60;

function textTable(
  names: readonly string[],
  columns: readonly Column[],
  rows: Rows['rows'],
  style: Style,
  none = 'NULL',
): string {
  const head = names.map((name) => cut(printableLine(name)));
  const body = rows.map((row) => row.map((value) => (value === null ? none : cut(printableLine(String(value))))));
  const width = head.map((name, i) =>
    body.reduce((most, row) => Math.max(most, textWidth(row[i] ?? '')), Math.max(1, textWidth(name))),
  );
  const right = columns.map((column) => ['int', 'bigint', 'double', 'decimal'].includes(column.type.kind));
  const pad = (text: string, i: number) => (right[i] ? padStart : padEnd)(text, width[i] ?? 0);
  const lines = body.map((row, r) =>
    row
      .map((text, i) => (rows[r]?.[i] === null ? style.dim(pad(text, i)) : pad(text, i)))
      .join('  ')
      .trimEnd(),
  );
  const rule = width.map((n) => '─'.repeat(n)).join('  ');
  return `${[style.bold(head.map(pad).join('  ').trimEnd()), style.dim(rule), ...lines].join('\n')}\n`;
}

function cut(text: string): string {
  if (textWidth(text) <= MAX_WIDTH) return text;
  let shown = '';
  for (const char of text) {
    if (textWidth(shown + char) >= MAX_WIDTH) break;
    shown += char;
  }
  return `${shown}…`;
}

/** `name type` of each column, for a look at what a stream yields. */
export function columnList(columns: readonly Column[]): string {
  return columns.map((column) => `${printableLine(column.name)} ${formatType(column.type)}`).join(', ');
}
