import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { type Document, globMatcher, type Json, type JsonObject, mergedJob, nearest } from '@sluice/core';
import { usage } from './errors.ts';
import type { OpenProject } from './project.ts';

/** A job that was asked for, and the one stream of it, where one was. */
export interface Chosen {
  document: Document;
  /** The job's name; the file's where it has none. */
  name: string;
  stream: string | null;
  /** By `--select`, not by name. */
  selected: boolean;
  /** By the path of its file. */
  byPath?: true;
}

const SELECTORS = ['tag', 'owner', 'path', 'connection', 'state'] as const;

/** Whether an argument names a file and not a job. */
export function isPath(argument: string): boolean {
  return /\.ya?ml$/i.test(argument);
}

/**
 * The jobs that JOB arguments (NAME, NAME/STREAM or a path) and `--select` name, each once. Throws `usage/job`,
 * `usage/stream`, `usage/select`, `usage/no-job`; `state:` asks the state store, and throws as it does.
 */
export async function chooseJobs(
  project: OpenProject,
  names: readonly string[],
  selectors: readonly string[],
): Promise<Chosen[]> {
  const jobs = listJobs(project);
  const chosen: Chosen[] = names.map((name) => findJob(project, jobs, name));
  const selected = new Set<ListedJob>();
  for (const selector of selectors) {
    const found = await select(project, jobs, selector);
    // That nothing changed is an answer, not a slip.
    if (found.length === 0 && !selector.startsWith('state:'))
      throw usage('select', `No job matches ${selector}`, knownJobs(jobs));
    for (const job of found) selected.add(job);
  }
  for (const { document, name } of selected) chosen.push({ document, name, stream: null, selected: true });
  if (chosen.length === 0 && selectors.length === 0) {
    throw usage('no-job', 'Name a job, or choose some with --select', knownJobs(jobs));
  }
  const seen = new Set<string>();
  return chosen.filter(({ document, stream }) => {
    const key = `${document.file}\n${stream ?? ''}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** The one job of a command that takes one. */
export function chooseJob(project: OpenProject, name: string): Chosen {
  return findJob(project, listJobs(project), name);
}

interface ListedJob {
  document: Document;
  name: string;
  streams: string[];
  value: JsonObject;
  connections: ReadonlySet<string>;
}

function listJobs(project: OpenProject): ListedJob[] {
  return [...project.jobs.values()].map((document) => {
    const view = project.project.view(document, project.scope);
    const merged = mergedJob(view);
    const parts = merged ? merged.streams.map((stream) => stream.value) : [];
    const connections = parts.flatMap((part) => [
      text(part.source, 'connection'),
      text(part.destination, 'connection'),
    ]);
    return {
      document,
      name: view.name ?? document.file,
      streams: merged ? merged.streams.map((stream) => stream.name) : [],
      value: merged?.whole ?? {},
      connections: new Set(connections.filter((name) => name !== null)),
    };
  });
}

function text(value: Json | undefined, key: string): string | null {
  const found = value !== null && typeof value === 'object' && !Array.isArray(value) ? value[key] : undefined;
  return typeof found === 'string' ? found : null;
}

function findJob(project: OpenProject, jobs: readonly ListedJob[], wanted: string): Chosen {
  if (isPath(wanted)) {
    const file = fileOf(project, wanted);
    const found = jobs.find(({ document }) => document.file === file);
    if (found) return { document: found.document, name: found.name, stream: null, selected: false, byPath: true };
    const unreadable = project.unreadable.find((entry) => entry.file === file);
    throw usage('job', unreadable ? `${wanted} cannot be read: ${unreadable.reason}` : `${wanted} is no job file here`);
  }
  const [name = '', stream] = wanted.split('/', 2);
  const found = jobs.find((job) => job.name === name);
  if (!found) {
    const near = nearest(
      name,
      jobs.map((job) => job.name),
    );
    throw usage('job', `There is no job ${name}`, near ? `Did you mean ${near}?` : knownJobs(jobs));
  }
  // Which streams a pattern of tables stands for, only its source can tell.
  const known = found.streams.some((name) => name === stream || /[*?]/.test(name));
  if (stream !== undefined && !known) {
    throw usage('stream', `The job ${name} has no stream ${stream}`, `There is ${found.streams.join(', ')}.`);
  }
  return { document: found.document, name, stream: stream ?? null, selected: false };
}

/** A path from the command line as the project names its files. */
function fileOf(project: OpenProject, path: string): string {
  const full = resolve(path);
  const folder = existsSync(dirname(full)) ? realpathSync(dirname(full)) : dirname(full);
  return relative(project.dir, join(folder, basename(full))).replaceAll(sep, '/');
}

function knownJobs(jobs: readonly ListedJob[]): string {
  const names = jobs.map((job) => job.name).sort();
  if (names.length === 0) return 'The project has no job yet: `sluice init` makes one.';
  const more = names.length > 20 ? `, and ${names.length - 20} more` : '';
  return `There is ${names.slice(0, 20).join(', ')}${more}.`;
}

async function select(project: OpenProject, jobs: readonly ListedJob[], selector: string): Promise<ListedJob[]> {
  const at = selector.indexOf(':');
  const kind = selector.slice(0, at);
  const value = selector.slice(at + 1);
  if (at < 0 || value === '' || !SELECTORS.some((known) => known === kind)) {
    throw usage(
      'select',
      `--select wants ${SELECTORS.join(', ')} with a value, not ${selector}`,
      'Such as tag:nightly.',
    );
  }
  if (kind === 'state') {
    if (value !== 'modified') throw usage('select', `--select state: wants modified, not ${value}`);
    const { modifiedFiles } = await import('./modified.ts');
    const files = await modifiedFiles(project);
    return jobs.filter((job) => files.has(job.document.file));
  }
  const matches = kind === 'path' ? globMatcher(pathPatterns(value)) : () => false;
  return jobs.filter((job) => {
    if (kind === 'path') return matches(job.document.file);
    if (kind === 'owner') return job.value.owner === value;
    if (kind === 'tag') return Array.isArray(job.value.tags) && job.value.tags.includes(value);
    return job.connections.has(value);
  });
}

/** A file, everything below a folder, or a pattern. */
function pathPatterns(path: string): string[] {
  const plain = path.replace(/^\.\//, '').replace(/\/+$/, '');
  return plain === '' || plain === '.' ? ['**'] : [plain, `${plain}/**`];
}
