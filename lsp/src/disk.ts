import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ColumnRecord, type FolderEntry, globBase, globMatcher } from '@sluice/core';

/** Name of the file that makes a folder a project. */
export const CONFIG = 'sluice.yaml';
/** A text this long is no job file, whatever its name says. */
const MAX_BYTES = 4_000_000;
const READERS = 32;
/** Where records of columns lie below a project. */
export const COLUMNS_FOLDER = '.sluice/columns';
/** A record beyond this was not written by us. */
const MAX_RECORD_BYTES = 2_000_000;

/** The text of a file; null where there is none, it is no UTF-8 or too large. */
export async function readText(path: string): Promise<string | null> {
  try {
    const bytes = await readFile(path);
    return bytes.length > MAX_BYTES ? null : new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true;
}

/** Job files of a folder by its patterns, relative, with `/`, sorted. Folders that begin with a dot and node_modules are passed over. */
export async function listJobs(dir: string, patterns: readonly string[]): Promise<string[]> {
  const matches = globMatcher(patterns);
  const found = new Set<string>();
  for (const base of outermost([...new Set(patterns.map((pattern) => globBase(pattern)))])) await visit(base);
  return [...found].sort();

  async function visit(folder: string): Promise<void> {
    const entries = await readdir(join(dir, folder), { withFileTypes: true }).catch(() => null);
    if (!entries && matches(folder) && folder !== CONFIG) found.add(folder);
    for (const entry of entries ?? []) {
      const file = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isDirectory()) {
        if (file !== CONFIG && matches(file)) found.add(file);
      } else if (!entry.name.startsWith('.') && entry.name !== 'node_modules') await visit(file);
    }
  }
}

function outermost(folders: readonly string[]): string[] {
  if (folders.includes('')) return [''];
  return folders.filter((folder) => !folders.some((other) => other !== folder && folder.startsWith(`${other}/`)));
}

/** The texts of files, a few at a time; those that cannot be read are left out. */
export async function readTexts(dir: string, files: readonly string[]): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (let at = 0; at < files.length; at += READERS) {
    const batch = files.slice(at, at + READERS);
    const read = await Promise.all(batch.map((file) => readText(join(dir, file))));
    for (const [i, text] of read.entries()) if (text !== null) texts.set(batch[i] ?? '', text);
  }
  return texts;
}

/** Entries of a folder; none where it cannot be read. */
export async function listFolder(path: string): Promise<FolderEntry[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.map((entry) => ({ name: entry.name, folder: entry.isDirectory() }));
}

/** The records of columns of a project, by the names of their files. */
export async function readRecords(dir: string): Promise<Map<string, ColumnRecord>> {
  const folder = join(dir, COLUMNS_FOLDER);
  const records = new Map<string, ColumnRecord>();
  for (const { name } of await listFolder(folder)) {
    if (!name.endsWith('.json')) continue;
    const record = await readRecord(join(folder, name));
    if (record) records.set(name.slice(0, -'.json'.length), record);
  }
  return records;
}

export async function readRecord(path: string): Promise<ColumnRecord | null> {
  try {
    const text = await readFile(path, 'utf8');
    if (text.length > MAX_RECORD_BYTES) return null;
    const record = JSON.parse(text) as ColumnRecord;
    return record.version === 1 && Array.isArray(record.columns) ? record : null;
  } catch {
    return null;
  }
}
