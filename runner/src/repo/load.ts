import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { parseEnv } from 'node:util';
import {
  createProject,
  type Document,
  globBase,
  globMatcher,
  jobPatterns,
  LateDocument,
  type Project,
  parseDocument,
  SluiceError,
} from '@sluice/core';

/** A project as it lies on disk. */
export interface LoadedProject {
  /** Real path of the project folder. */
  dir: string;
  project: Project;
  /** sluice.yaml, where there is one. */
  config: Document | null;
  /** Job files by path relative to the folder, with `/`. */
  jobs: Map<string, Document>;
  /** Files that could not be read, with the reason. */
  unreadable: { file: string; reason: string }[];
  /** The environment, with `.env` laid under it. */
  env: Record<string, string | undefined>;
}

export interface LoadOptions {
  /** Folder from which to look for sluice.yaml upward. */
  from: string;
  /** `--project`: this folder and no other. */
  project?: string;
  /**
   * Job files named on the command line, relative to `from`: loaded whether or not `jobs` matches them. Where no
   * sluice.yaml is above the first of them it stands alone, and its folder is the project.
   */
  files?: readonly string[];
  /** An earlier load of the same project: files with the same text are not parsed again, and what was found out about them stays. */
  previous?: LoadedProject;
  /** With `previous`: the only files that were written, made or removed since, relative, with `/`; left out: any may have been. */
  changed?: ReadonlySet<string>;
  /** true: no job file is read. */
  configOnly?: boolean;
  /** false: `.env` is not read (the daemon's environment is its own). */
  dotenv?: boolean;
  /** The environment; the process's own where left out. */
  env?: Readonly<Record<string, string | undefined>>;
}

const CONFIG = 'sluice.yaml';
/** A text this long is no job file, whatever its name says. */
const MAX_BYTES = 4_000_000;
const READERS = 32;
/** Without sluice.yaml nobody said that the whole folder is a project: only the obvious places are looked at. */
const LONE_PATTERNS = ['jobs/**/*.{yaml,yml}', '*.sluice.yaml'];

/**
 * Loads the project of a folder or of a lone job file. A file that cannot be read or parsed never blocks the others.
 * Throws `project/unreadable` where the folder or sluice.yaml cannot be read.
 */
export async function loadProject(options: LoadOptions): Promise<LoadedProject> {
  const { previous: last, changed } = options;
  if (last?.config && changed && !changed.has(CONFIG) && !changed.has('.env')) return await reloadJobs(last, changed);
  const named = (options.files ?? []).map((file) => resolve(options.from, file));
  const start = resolve(options.project ?? (named[0] ? dirname(named[0]) : options.from));
  const configPath = options.project === undefined ? await findConfig(start) : await configIn(start);
  const dir = await realFolder(configPath ? dirname(configPath) : start);
  const unreadable: LoadedProject['unreadable'] = [];
  const previous = options.previous?.dir === dir ? options.previous : null;
  const config = configPath ? await readConfig(join(dir, CONFIG), previous?.config ?? null) : null;
  const listed = options.configOnly !== true && (named.length === 0 || config !== null);
  const files = new Set(listed ? await listJobs(dir, patternsOf(config)) : []);
  for (const file of named) files.add(await relativePath(dir, file));
  const jobs = await readJobs(dir, [...files].sort(), unreadable, previous?.jobs);
  const project = createProject({ config, jobs: [...jobs.values()], name: folderName(dir) });
  const own = options.env ?? process.env;
  const env = options.dotenv === false ? { ...own } : { ...(await readDotenv(dir)), ...own };
  return { dir, project, config, jobs, unreadable, env };
}

/** The same project with these job files as they are now. */
async function reloadJobs(last: LoadedProject, changed: ReadonlySet<string>): Promise<LoadedProject> {
  const matches = globMatcher(patternsOf(last.config));
  const touched = [...changed].filter((file) => matches(file));
  const unreadable = last.unreadable.filter(({ file }) => !changed.has(file));
  const found: LoadedProject['unreadable'] = [];
  const read = await readJobs(last.dir, touched, found, last.jobs);
  unreadable.push(...found.filter(({ reason }) => reason !== REASONS.ENOENT));
  const all = new Map(last.jobs);
  for (const file of touched) all.delete(file);
  for (const [file, document] of read) all.set(file, document);
  const jobs = new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  const project = createProject({ config: last.config, jobs: [...jobs.values()], name: folderName(last.dir) });
  return { ...last, project, jobs, unreadable };
}

/** The nearest sluice.yaml at or above a folder, or null. */
async function findConfig(folder: string): Promise<string | null> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const found = await configIn(at);
    if (found || dirname(at) === at) return found;
  }
}

async function configIn(folder: string): Promise<string | null> {
  const path = join(folder, CONFIG);
  return (await stat(path).catch(() => null))?.isFile() ? path : null;
}

async function realFolder(folder: string): Promise<string> {
  const real = await realpath(folder).catch(() => null);
  if (real && (await stat(real)).isDirectory()) return real;
  throw new SluiceError('project/unreadable', 'config', `There is no folder ${folder}`, {
    hint: 'Name the project folder with --project.',
  });
}

async function readConfig(path: string, earlier: Document | null): Promise<Document> {
  const read = await readText(path);
  if ('text' in read) return earlier?.text === read.text ? earlier : parseDocument(read.text, CONFIG);
  throw new SluiceError('project/unreadable', 'config', `Cannot read ${path}: ${read.reason}`);
}

function patternsOf(config: Document | null): readonly string[] {
  return config ? jobPatterns(config) : LONE_PATTERNS;
}

/** Job files of a folder by its patterns, relative, with `/`. Folders that begin with a dot and node_modules are passed over. */
async function listJobs(dir: string, patterns: readonly string[]): Promise<string[]> {
  const matches = globMatcher(patterns);
  const bases = new Set(patterns.map((pattern) => globBase(pattern)));
  const found = new Set<string>();
  for (const base of outermost([...bases])) await visit(join(dir, base), base);
  return [...found];

  async function visit(folder: string, name: string): Promise<void> {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const file = name === '' ? entry.name : `${name}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!entry.name.startsWith('.') && entry.name !== 'node_modules') await visit(join(folder, entry.name), file);
      } else if (file !== CONFIG && matches(file)) found.add(file);
    }
    // A pattern without a wildcard is a file's name.
    if (entries.length === 0 && matches(name) && name !== CONFIG) found.add(name);
  }
}

/** Folders without those that lie inside another one of them. */
function outermost(folders: readonly string[]): string[] {
  if (folders.includes('')) return [''];
  return folders.filter((folder) => !folders.some((other) => other !== folder && folder.startsWith(`${other}/`)));
}

async function relativePath(dir: string, file: string): Promise<string> {
  const real = await realpath(dirname(file)).catch(() => dirname(file));
  const path = relative(dir, join(real, basename(file)));
  return sep === '/' ? path : path.replaceAll(sep, '/');
}

async function readJobs(
  dir: string,
  files: readonly string[],
  unreadable: LoadedProject['unreadable'],
  earlier: ReadonlyMap<string, Document> = new Map(),
): Promise<Map<string, Document>> {
  const jobs = new Map<string, Document>();
  for (let at = 0; at < files.length; at += READERS) {
    const batch = files.slice(at, at + READERS);
    const texts = await Promise.all(batch.map((file) => readText(resolve(dir, file))));
    for (const [i, read] of texts.entries()) {
      const file = batch[i] ?? '';
      const known = earlier.get(file);
      if ('text' in read) jobs.set(file, known?.text === read.text ? known : new LateDocument(read.text, file));
      else unreadable.push({ file, reason: read.reason });
    }
  }
  return jobs;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'no right to read it',
  EISDIR: 'it is a folder',
};

async function readText(path: string): Promise<{ text: string } | { reason: string }> {
  try {
    const bytes = await readFile(path);
    if (!isUtf8(bytes)) return { reason: notUtf8(bytes) };
    if (bytes.length > MAX_BYTES) return { reason: 'it is too large for a job file' };
    return { text: new TextDecoder().decode(bytes) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { reason: REASONS[code ?? ''] ?? code ?? String(error) };
  }
}

function notUtf8(bytes: Buffer): string {
  const mark = bytes.toString('latin1', 0, 2);
  if (mark === '\xff\xfe' || mark === '\xfe\xff') return 'it is UTF-16; save it as UTF-8';
  let line = 1;
  for (let from = 0; ; line++) {
    const end = bytes.indexOf(10, from);
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) break;
    from = end + 1;
  }
  return `line ${line} is not UTF-8; save the file as UTF-8`;
}

/** A folder's project name: two folders of the same name keep their states apart. */
function folderName(dir: string): string {
  const plain = basename(dir)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '');
  return `${plain === '' ? 'project' : plain.slice(0, 50)}-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`;
}

async function readDotenv(dir: string): Promise<Record<string, string>> {
  const text = await readFile(join(dir, '.env'), 'utf8').catch(() => null);
  return text === null ? {} : (parseEnv(text) as Record<string, string>);
}
