/** A type as the program writes it into JSON. */
export interface DataType {
  kind: string;
  precision?: number;
  scale?: number;
  item?: DataType;
  fields?: { name: string; type: DataType }[];
}

export type Cell = string | number | boolean | null;

/** What `sluice preview --json` answers. Numbers that JSON readers would round are texts already. */
export interface Preview {
  columns: { name: string; type: DataType }[];
  rows: Record<string, Cell>[];
  rejected: number;
  notes: string[];
}

const NUMBERS = new Set(['int', 'bigint', 'double', 'decimal']);

/** The type as the job language writes it. */
export function typeText({ kind, precision, scale, item, fields }: DataType): string {
  if (kind === 'decimal') return `decimal(${precision},${scale})`;
  if (kind === 'list' && item) return `list<${typeText(item)}>`;
  if (kind === 'struct' && fields)
    return `struct<${fields.map(({ name, type }) => `${name}: ${typeText(type)}`).join(', ')}>`;
  return kind;
}

function htmlText(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function cell(value: Cell | undefined, isNumber: boolean): string {
  if (value === null || value === undefined) return '<td class="null">NULL</td>';
  return `<td${isNumber ? ' class="number"' : ''}>${htmlText(String(value))}</td>`;
}

const STYLE = `
  body { padding: 0; margin: 0; display: flex; flex-direction: column; height: 100vh; }
  header { padding: 6px 12px; display: flex; gap: 12px; align-items: baseline; border-bottom: 1px solid var(--vscode-panel-border); }
  header b { font-size: 1.1em; }
  header .notes { color: var(--vscode-descriptionForeground); flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  button { color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground); border: none; padding: 3px 10px; border-radius: 2px; cursor: pointer; }
  button:hover { background: var(--vscode-button-secondaryHoverBackground); }
  main { overflow: auto; flex: 1; }
  table { border-collapse: collapse; font-family: var(--vscode-editor-font-family); font-size: var(--vscode-editor-font-size); }
  th, td { border-right: 1px solid var(--vscode-panel-border); border-bottom: 1px solid var(--vscode-panel-border); padding: 2px 8px; text-align: left; white-space: pre; max-width: 480px; overflow: hidden; text-overflow: ellipsis; }
  th { position: sticky; top: 0; background: var(--vscode-editor-background); font-weight: 600; }
  th small { display: block; font-weight: normal; color: var(--vscode-descriptionForeground); }
  td.number { text-align: right; }
  td.null { color: var(--vscode-disabledForeground); font-style: italic; }
  td.row, th.row { color: var(--vscode-editorLineNumber-foreground); text-align: right; position: sticky; left: 0; background: var(--vscode-editor-background); }
  th.row { z-index: 1; }
  .rejected { color: var(--vscode-editorWarning-foreground); }
  pre { padding: 0 12px; white-space: pre-wrap; color: var(--vscode-errorForeground); }
  p { padding: 0 12px; color: var(--vscode-descriptionForeground); }`;

/** What the page shows: rows, why there are none, or that they are on their way. */
export type Shown = { preview: Preview } | { error: string } | 'reading';

/** The page of a preview. It holds no text of the data that is not escaped; scripts run by the nonce alone. */
export function previewPage(address: string, shown: Shown, { nonce, rows }: { nonce: string; rows: number }): string {
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'`;
  const found = typeof shown === 'object' && 'preview' in shown ? shown.preview : null;
  const counted = found ? `${found.rows.length} ${found.rows.length === 1 ? 'row' : 'rows'}` : '';
  const rejected =
    found && found.rejected > 0 ? `<span class="rejected">${found.rejected} would be rejected</span>` : '';
  const more = found && found.rows.length >= rows ? `<button data-rows="${rows * 5}">More rows</button>` : '';
  const notes = htmlText(found?.notes.join('; ') ?? '');
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><style nonce="${nonce}">${STYLE}</style></head>
<body>
<header><b>${htmlText(address)}</b><span>${counted}</span>${rejected}<span class="notes" title="${notes}">${notes}</span>${more}<button data-rows="${rows}">Read again</button></header>
<main>${shown === 'reading' ? '<p>Reading…</p>' : found ? table(found) : `<pre>${htmlText((shown as { error: string }).error)}</pre>`}</main>
<script nonce="${nonce}">
  const editor = acquireVsCodeApi();
  for (const button of document.querySelectorAll('button'))
    button.addEventListener('click', () => editor.postMessage({ rows: Number(button.dataset.rows) }));
</script>
</body>
</html>`;
}

function table({ columns, rows }: Preview): string {
  if (rows.length === 0) return '<p>There are no rows.</p>';
  const head = columns.map(({ name, type }) => `<th>${htmlText(name)}<small>${htmlText(typeText(type))}</small></th>`);
  // Keys in the order of the columns: names that two columns share have got a number.
  const keys = Object.keys(rows[0] ?? {});
  const body = rows.map((row, i) => {
    const cells = columns.map(({ type }, at) => cell(row[keys[at] ?? ''], NUMBERS.has(type.kind)));
    return `<tr><td class="row">${i + 1}</td>${cells.join('')}</tr>`;
  });
  return `<table><thead><tr><th class="row"></th>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table>`;
}
