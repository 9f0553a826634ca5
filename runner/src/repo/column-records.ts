import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ColumnRecord, formatType, type Project, type RecordKeys, recordKeys } from '@sluice/core';
import type { StreamResult } from '../executor/api.ts';

/** Records of a project; the oldest ones go. */
const MOST_RECORDS = 500;

/**
 * What a run saw of a stream's source, as a record. What it cannot tell (shares of nulls, columns after each step) is taken over from
 * the record before it, for columns that are as they were.
 */
export async function recordRun(
  projectDir: string,
  view: ReturnType<Project['view']>,
  { stream, columns, counts }: Pick<StreamResult, 'stream' | 'columns' | 'counts'>,
): Promise<void> {
  const declared = view.streams.find(({ name }) => name === stream);
  if (!declared || !columns) return;
  const keys = recordKeys(declared.node, view.scope);
  const before = await readRecord(projectDir, keys);
  const record: ColumnRecord = {
    version: 1,
    job: view.name ?? '',
    stream,
    columns: columns.map(({ name, type, nullable }) => {
      const known = before?.columns.find((column) => column.name === name && column.type === formatType(type));
      return known ?? { name, type: formatType(type), nullable: nullable ?? true, null_share: null };
    }),
    steps: before?.steps ?? [],
    steps_hash: before?.steps_hash ?? '',
    rows: counts.rows_read,
    at: new Date().toISOString(),
    format: before?.format ?? null,
  };
  await keepRecord(projectDir, keys, record);
}

async function readRecord(projectDir: string, { exact }: RecordKeys): Promise<ColumnRecord | null> {
  const text = await readFile(join(projectDir, '.sluice', 'columns', `${exact}.json`), 'utf8').catch(() => null);
  try {
    return text === null ? null : (JSON.parse(text) as ColumnRecord);
  } catch {
    return null;
  }
}

/** Writes a record into `.sluice/columns`, in one step, and lets the oldest ones go beyond a few hundred. */
export async function keepRecord(projectDir: string, { exact }: RecordKeys, record: ColumnRecord): Promise<void> {
  const folder = join(projectDir, '.sluice', 'columns');
  await mkdir(folder, { recursive: true });
  const draft = join(folder, `${exact}.${randomUUID()}.partial`);
  await writeFile(draft, `${JSON.stringify(record, null, 1)}\n`);
  await rename(draft, join(folder, `${exact}.json`));
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  if (names.length <= MOST_RECORDS) return;
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name)).catch(() => null))?.mtimeMs ?? 0 })),
  );
  aged.sort((a, b) => a.at - b.at);
  for (const { name } of aged.slice(0, names.length - MOST_RECORDS)) await rm(join(folder, name), { force: true });
}
