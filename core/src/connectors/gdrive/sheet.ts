import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Google } from './client.ts';

/** Cells that are asked for at once. */
const CELLS = 400_000;

type Cell = string | number | boolean | null | undefined;

/** Writes a sheet's values as CSV: every value quoted, empty cells empty, all rows of one width. Blank rows are left out. */
export async function writeSheet(
  google: Google,
  id: string,
  name: string,
  path: string,
  settings: JsonObject,
): Promise<number> {
  const { title, rows: height, columns } = await sheetOf(google, id, name, settings.sheet);
  const quoted = `'${title.replaceAll("'", "''")}'`;
  const range = typeof settings.range === 'string' ? settings.range : null;
  const blocks = range === null ? blocksOf(quoted, height, columns) : [`${quoted}!${range}`];
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'w');
  try {
    let width = 0;
    // How wide the sheet is shows only once all its rows are there.
    const pending: Cell[][] = [];
    for (const block of blocks) {
      const found = (await values(google, id, name, block)).filter((row) => row.some(isFilled));
      width = found.reduce((most, row) => Math.max(most, lastFilled(row)), width);
      pending.push(...found);
    }
    for (let at = 0; at < pending.length; at += 10_000) {
      const lines = pending.slice(at, at + 10_000).map((row) => line(row, width));
      await file.appendFile(lines.join(''));
    }
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

async function sheetOf(google: Google, id: string, name: string, wanted: unknown) {
  const { data } = await google.call(name, (options) =>
    google.sheets.spreadsheets.get({ spreadsheetId: id, fields: 'sheets.properties(title,gridProperties)' }, options),
  );
  const sheets = (data.sheets ?? []).flatMap(({ properties }) => (properties?.title ? [properties] : []));
  const found = wanted === undefined ? sheets[0] : sheets.find(({ title }) => title === wanted);
  if (!found) {
    throw new SluiceError('source/missing', 'config', `${name} has no sheet ${String(wanted ?? '')}`, {
      where: { path: name },
      hint: `Its sheets are: ${sheets.map(({ title }) => title).join(', ')}.`,
    });
  }
  const { rowCount, columnCount } = found.gridProperties ?? {};
  return { title: found.title ?? '', rows: rowCount ?? 1000, columns: columnCount ?? 26 };
}

function blocksOf(sheet: string, rows: number, columns: number): string[] {
  const height = Math.max(1, Math.floor(CELLS / Math.max(1, columns)));
  const count = Math.max(1, Math.ceil(rows / height));
  return Array.from({ length: count }, (_, i) => `${sheet}!${i * height + 1}:${Math.min(rows, (i + 1) * height)}`);
}

async function values(google: Google, id: string, name: string, range: string): Promise<Cell[][]> {
  const { data } = await google.call(name, (options) =>
    google.sheets.spreadsheets.values.get(
      {
        spreadsheetId: id,
        range,
        majorDimension: 'ROWS',
        valueRenderOption: 'UNFORMATTED_VALUE',
        dateTimeRenderOption: 'FORMATTED_STRING',
      },
      options,
    ),
  );
  return (data.values ?? []) as Cell[][];
}

function isFilled(cell: Cell): boolean {
  return cell !== null && cell !== undefined && cell !== '';
}

function lastFilled(row: readonly Cell[]): number {
  let width = row.length;
  while (width > 0 && !isFilled(row[width - 1])) width--;
  return width;
}

function line(row: readonly Cell[], width: number): string {
  const cells = Array.from({ length: width }, (_, i) => {
    const cell = row[i];
    return isFilled(cell) ? `"${String(cell).replaceAll('"', '""')}"` : '';
  });
  return `${cells.join(',')}\n`;
}
