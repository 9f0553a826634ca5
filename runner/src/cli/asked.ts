import { SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { exitStatusOf, usage } from './errors.ts';
import { tellErrors } from './job-runs.ts';
import type { CommonOptions } from './options.ts';
import { type OpenProject, openProject } from './project.ts';
import { type Chosen, chooseJobs, isPath } from './select.ts';
import { print } from './terminal.ts';

export interface SelectOptions extends CommonOptions {
  select?: string[];
}

/** One that a command was asked for, by which its result is named. */
interface Named {
  name: string;
  stream: string | null;
}

/** A job that is applied, or a run by its id. */
export interface Applied extends Named {
  /** By `--select`, not by name. */
  selected: boolean;
}

/** The jobs that a command was asked for. */
export interface Asked {
  project: OpenProject;
  chosen: Chosen[];
  /** More than one name, or `--select`: then the form of the result names each job, however many there are. */
  several: boolean;
}

/** Adds the arguments of a command that takes jobs. */
export function withJobs(command: Command): Command {
  return withSelect(command.argument('[job...]', 'jobs by NAME, NAME/STREAM or path'));
}

export function withSelect(command: Command, what = 'jobs'): Command {
  return command.option(
    '--select <selector...>',
    `${what} by tag:NAME, owner:NAME, path:GLOB, connection:NAME or state:modified`,
  );
}

/** Opens the project and finds the jobs. Throws as `openProject` and `chooseJobs` do. */
export async function openAsked(names: readonly string[], options: SelectOptions): Promise<Asked> {
  const project = await openProject(options, names.filter(isPath));
  const chosen = await chooseJobs(project, names, options.select ?? []);
  return { project, chosen, several: names.length > 1 || options.select !== undefined };
}

/**
 * The jobs that a command on what is applied was asked for, each once. Names are taken as they are, since a file need not be here: files are
 * looked at for paths and `--select` alone. Throws as `openAsked` does.
 */
export async function openApplied(
  names: readonly string[],
  options: SelectOptions,
): Promise<{ chosen: Applied[]; several: boolean }> {
  const [paths, selectors] = [names.filter(isPath), options.select ?? []];
  if (names.length === 0 && selectors.length === 0) throw usage('no-job', 'Name a job, or choose some with --select');
  const looked = paths.length + selectors.length > 0;
  const found = looked ? await chooseJobs(await openProject(options, paths), paths, selectors) : [];
  const named = names
    .filter((name) => !isPath(name))
    .map((text) => {
      const [name = '', stream = null] = text.split('/', 2);
      return { name, stream, selected: false };
    });
  const chosen = new Map<string, Applied>();
  for (const one of [...named, ...found]) {
    const known = chosen.get(askedName(one));
    chosen.set(askedName(one), known ?? { name: one.name, stream: one.stream, selected: one.selected });
  }
  return { chosen: [...chosen.values()], several: names.length > 1 || options.select !== undefined };
}

/** A job or one stream of it as it is written on the command line. */
export function askedName({ name, stream }: Named): string {
  return stream === null ? name : `${name}/${stream}`;
}

/**
 * Does the same for each job. Where several were asked for, one that fails is told of and keeps no other from its turn; the exit
 * status is the worst one.
 */
export async function eachJob<One extends Named, T>(
  { chosen, several }: { chosen: readonly One[]; several: boolean },
  work: (one: One) => Promise<T>,
): Promise<{ one: One; result: T }[]> {
  const results: { one: One; result: T }[] = [];
  for (const one of chosen) {
    try {
      results.push({ one, result: await work(one) });
    } catch (error) {
      if (!several || !(error instanceof SluiceError)) throw error;
      const json = error.toJSON();
      tellErrors([{ ...json, where: { job: one.name, ...json.where } }]);
      process.exitCode = Math.max(Number(process.exitCode ?? 0), exitStatusOf(error));
    }
  }
  return results;
}

/** As JSON: the result of the one job that was named, else an object of results by NAME or NAME/STREAM. */
export function printJson<T>({ several }: { several: boolean }, results: readonly { one: Named; result: T }[]): void {
  const named = Object.fromEntries(results.map(({ one, result }) => [askedName(one), result]));
  if (several) print(JSON.stringify(named, null, 2));
  else for (const { result } of results) print(JSON.stringify(result, null, 2));
}
