import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type ComponentUse,
  connectionUse,
  type JsonObject,
  nearest,
  providersUsed,
  SluiceError,
  writeYaml,
} from '@sluice/core';
import type { Discovered } from '@sluice/core/runtime';
import { sources } from '@sluice/core/specs';
import type { Command } from 'commander';
import { discover } from '../executor/discover.ts';
import { usage } from './errors.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { type OpenProject, openProject, shownPath } from './project.ts';
import { exitOnInterrupt } from './signals.ts';
import { renderRows } from './table.ts';
import { print, printableLine, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface DiscoverOptions extends CommonOptions {
  write?: boolean;
  only?: string[];
  path?: string;
}

export function define(command: Command): void {
  withCommon(command, ['text', 'json', 'ndjson', 'csv', 'markdown'])
    .argument('<connection>', 'a connection of sluice.yaml, or the type of one that needs no settings: local')
    .option('--write', 'write job files for what is there; files that exist are left as they are')
    .option(
      '--path <path>',
      'what is looked at, for connections that cannot list what they hold: a path below `base_url` (http)',
    )
    .option('--only <name...>', 'these alone, by the names that are shown')
    .action(show);
}

async function show(name: string, options: DiscoverOptions): Promise<void> {
  const project = await openProject(options);
  const use = withPath(useOf(project, name), options.path);
  const interrupt = exitOnInterrupt();
  try {
    const request = {
      projectDir: project.dir,
      use,
      env: project.env,
      project: project.project.name,
      target: project.scope.target ?? 'default',
      providers: providersUsed(project.scope, use.settings),
      stateStore: stateStoreOf(project),
      signal: interrupt.signal,
    };
    const found = await discover({ ...request, onWarning: (message) => tell(printableLine(message)) });
    const wanted = only(found, options.only);
    const written = options.write ? await writeJobs(project, use, wanted) : null;
    print(render(wanted, written, outputOf(options)));
    if (options.quiet) return;
    if (found.length === 0) tell('Nothing was found that a job could read.');
    else if (!options.write) tell('`--write` makes job files of these.');
    for (const { file, made } of written ?? []) if (!made) tell(`${file} was there and is left as it is`);
  } finally {
    interrupt.dispose();
  }
}

/** Throws `usage/connection`. */
function useOf(project: OpenProject, name: string): ComponentUse {
  const use = connectionUse(project.scope, name);
  if (use) return use;
  if (sources[name] && (sources[name].connection?.required ?? []).length === 0) {
    return { type: name, connection: null, settings: {} };
  }
  const names = [...project.scope.connections.keys()];
  const near = nearest(name, names);
  const there = names.length > 0 ? `There is ${names.join(', ')}.` : 'sluice.yaml has no `connections` yet.';
  throw usage('connection', `There is no connection ${name}`, near ? `Did you mean ${near}?` : there);
}

/** Throws `usage/path` for a connection that lists what it holds by itself. */
function withPath(use: ComponentUse, path: string | undefined): ComponentUse {
  if (path === undefined) return use;
  if (sources[use.type]?.capabilities.discovers_path !== true)
    throw usage(
      'path',
      `A connection of type ${use.type} lists what it holds`,
      'Run it without --path; --only chooses.',
    );
  return { ...use, settings: { ...use.settings, path } };
}

function only(found: readonly Discovered[], names: readonly string[] | undefined): Discovered[] {
  if (!names) return [...found];
  const missing = names.find((name) => !found.some((one) => one.name === name));
  if (missing !== undefined) throw usage('only', `Nothing is called ${missing}`, 'Run it without --only to see names.');
  return found.filter((one) => names.includes(one.name));
}

interface Written {
  file: string;
  made: boolean;
}

function render(found: readonly Discovered[], written: readonly Written[] | null, output: string): string {
  if (written && output === 'text')
    return written.flatMap(({ file, made }) => (made ? [`${printableLine(file)}\n`] : [])).join('');
  if (output === 'json') {
    const list = found.map(({ name, text, settings, primary_key = [] }) => ({ name, text, settings, primary_key }));
    return JSON.stringify(written ? { found: list, files: written } : list, null, 2);
  }
  const columns = ['name', 'what', 'settings', 'key'].map((name) => ({ name, type: { kind: 'text' } }) as const);
  const rows = found.map(({ name, text, settings, primary_key }) => [
    name,
    text,
    Object.entries(settings)
      .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(', '),
    primary_key?.join(', ') ?? '',
  ]);
  return renderRows({ columns, rows }, output, styleFor(process.stdout));
}

/** One job for each kind of file; the tables of one database are the streams of one job. Throws `discover/nothing`. */
async function writeJobs(project: OpenProject, use: ComponentUse, found: readonly Discovered[]): Promise<Written[]> {
  if (found.length === 0) throw new SluiceError('discover/nothing', 'data', 'There is nothing to write job files for');
  const taken = new Set(
    [...project.jobs.values()].map((document) => project.project.view(document, project.scope).name),
  );
  const base = { type: use.type, ...(use.connection === null ? {} : { connection: use.connection }) };
  const together = sources[use.type]?.capabilities.yields === 'columns' && found.length > 1;
  const prefix = plainName(use.connection ?? use.type);
  const jobs = together
    ? [{ name: prefix, value: replica(base, found) }]
    : found.map((one) => ({
        // A job of that name is of something else, unless its file is the very one that would be written.
        name: taken.has(one.name) && !project.jobs.has(`jobs/${one.name}.yaml`) ? `${prefix}_${one.name}` : one.name,
        value: single(base, one),
      }));
  const written: Written[] = [];
  for (const { name, value } of jobs) {
    const path = join(project.dir, 'jobs', `${name}.yaml`);
    await mkdir(dirname(path), { recursive: true });
    const made = await writeFile(path, writeYaml({ name, ...value }), { flag: 'wx' }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    written.push({ file: shownPath(project, path), made });
  }
  return written;
}

function single(base: JsonObject, { settings, primary_key = [] }: Discovered): JsonObject {
  const destination: JsonObject = { type: 'duckdb' };
  if (primary_key.length > 0) Object.assign(destination, { write_disposition: 'merge', primary_key });
  return { source: { ...base, ...settings }, destination };
}

/** Tables are read whole each time until someone says by which column they grow. */
function replica(base: JsonObject, found: readonly Discovered[]): JsonObject {
  return {
    source: base,
    destination: { type: 'duckdb', write_disposition: 'replace' },
    streams: found.map(({ name, settings }) => ({ name, source: settings })),
  };
}

function plainName(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^[^a-z]+|_+$/g, '')
    .slice(0, 60);
}
