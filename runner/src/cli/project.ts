import { stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { type Document, type Scope, targetScope } from '@sluice/core';
import { type LoadedProject, loadProject } from '../repo/load.ts';
import { usage } from './errors.ts';
import type { CommonOptions } from './options.ts';

/** The project that a command works on, in the target that was asked for. */
export interface OpenProject extends LoadedProject {
  scope: Scope;
  target: string | undefined;
  vars: Record<string, string>;
}

/**
 * Loads the project. `files` are job files from the command line: where no sluice.yaml is above them, the first one's folder
 * is the project. Throws `project/unreadable`, `config/target`, `config/variable`, `usage/file`.
 */
export async function openProject(options: CommonOptions, files: readonly string[] = []): Promise<OpenProject> {
  for (const file of files) await requireFile(file);
  const isConfig = (file: string) => basename(file) === 'sluice.yaml';
  const config = files.find(isConfig);
  const loaded = await loadProject({
    from: config === undefined ? process.cwd() : dirname(resolve(config)),
    ...(options.project === undefined ? {} : { project: options.project }),
    files: files.filter((file) => !isConfig(file)).map((file) => resolve(file)),
  });
  const vars = options.var ?? {};
  const wanted = options.target === undefined ? { vars } : { target: options.target, vars };
  return { ...loaded, scope: targetScope(loaded.project, wanted), target: options.target, vars };
}

async function requireFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => null);
  if (found === null) throw usage('file', `There is no file ${file}`);
  if (!found.isFile())
    throw usage('file', `${file} is no file`, 'Name job files, or leave them out: then all are taken.');
}

/** A file of the project as the user would name it from where the command was started. */
export function shownPath(loaded: Pick<LoadedProject, 'dir'>, file: string): string {
  const path = relative(process.cwd(), resolve(loaded.dir, file)) || file;
  return sep === '/' ? path : path.replaceAll(sep, '/');
}

/** Documents of the project by file, sluice.yaml among them. */
export function documentsOf(loaded: LoadedProject): Map<string, Document> {
  const documents = new Map(loaded.jobs);
  if (loaded.config) documents.set(loaded.config.file, loaded.config);
  return documents;
}

/** The environment that references are read from, without names that have no value. */
export function environmentOf({ env }: Pick<LoadedProject, 'env'>): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
