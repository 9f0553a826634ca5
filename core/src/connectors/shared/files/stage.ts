import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FormatWriter, ReadyRows, StageToken, WrittenFile } from '../../../model/component.ts';
import type { StreamKey } from '../../../model/run.ts';
import { QUARANTINE_COLUMNS } from '../../../model/run.ts';
import { ident, literal } from '../../../model/sql.ts';
import type { Column } from '../../../model/type.ts';
import { ASIDE_FOLDER } from './names.ts';

/** How the data's files are laid out. */
export interface Layout {
  partitionBy: readonly string[];
  fileSize: number | null;
}

/** What a token of a task says. */
export interface Staged {
  rows: number;
  folder: string;
  files: WrittenFile[];
  aside: WrittenFile[];
}

export interface Writers {
  data: FormatWriter;
  aside: FormatWriter;
}

/** Writes a task's rows and those set aside below a folder. */
export async function writeFiles(
  rows: ReadyRows,
  columns: readonly Column[],
  target: { folder: string; name: string; layout: Layout; writers: Writers; key: StreamKey; runId: string },
): Promise<Staged> {
  const { folder, name, layout, writers } = target;
  await mkdir(folder, { recursive: true });
  const written = await writers.data.write(rows.engine, { sql: rows.sql, columns, folder, name, ...layout });
  const aside = rows.quarantine === null ? [] : await writeAside(rows, rows.quarantine, target);
  return { rows: written.rows, folder, files: written.files, aside };
}

export function tokenOf(staged: Staged): StageToken {
  return staged as unknown as StageToken;
}

async function writeAside(
  rows: ReadyRows,
  quarantine: string,
  {
    folder,
    name,
    writers,
    key,
    runId,
  }: { folder: string; name: string; writers: Writers; key: StreamKey; runId: string },
): Promise<WrittenFile[]> {
  const fixed: [string, string][] = [
    ['job', key.job],
    ['stream', key.stream],
    ['run_id', runId],
  ];
  const columns: Column[] = [...fixed.map(([column]) => column), ...QUARANTINE_COLUMNS].map((column) => ({
    name: column,
    type: { kind: column === 'row_number' || column === 'byte_offset' ? 'bigint' : 'text' },
  }));
  columns.push({ name: 'quarantined_at', type: { kind: 'timestamptz' } });
  const facts = fixed.map(([column, value]) => `${literal(value)} AS ${ident(column)}`).join(', ');
  const own = QUARANTINE_COLUMNS.map((column) => ident(column)).join(', ');
  const sql = `SELECT ${facts}, ${own}, current_timestamp AS quarantined_at FROM (${quarantine}) AS q`;
  const request = { sql, columns, folder: join(folder, ASIDE_FOLDER), name, partitionBy: [], fileSize: null };
  const made = await writers.aside.write(rows.engine, request);
  if (made.rows === 0) return [];
  return Promise.all(
    made.files.map(async ({ path }) => {
      const final = `${ASIDE_FOLDER}/${path.replace(/\.\w+$/, '.jsonl')}`;
      await rename(join(folder, ASIDE_FOLDER, path), join(folder, final));
      return { path: final, size: (await stat(join(folder, final))).size };
    }),
  );
}
