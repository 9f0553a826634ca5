import { SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { exitStatusOf } from './errors.ts';
import { tellErrors } from './job-runs.ts';
import type { CommonOptions } from './options.ts';
import { type OpenProject, openProject } from './project.ts';
import { type Chosen, chooseJobs, isPath } from './select.ts';
import { print } from './terminal.ts';

export interface SelectOptions extends CommonOptions {
  select?: string[];
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

/** A job or one stream of it as it is written on the command line. */
export function askedName({ name, stream }: Chosen): string {
  return stream === null ? name : `${name}/${stream}`;
}

/**
 * Does the same for each job. Where several were asked for, one that fails is told of and keeps no other from its turn; the exit
 * status is the worst one.
 */
export async function eachJob<T>(
  { chosen, several }: Asked,
  work: (one: Chosen) => Promise<T>,
): Promise<{ one: Chosen; result: T }[]> {
  const results: { one: Chosen; result: T }[] = [];
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
export function printJson<T>({ several }: Asked, results: readonly { one: Chosen; result: T }[]): void {
  const named = Object.fromEntries(results.map(({ one, result }) => [askedName(one), result]));
  if (several) print(JSON.stringify(named, null, 2));
  else for (const { result } of results) print(JSON.stringify(result, null, 2));
}
