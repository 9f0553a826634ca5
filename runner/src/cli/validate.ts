import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SluiceError } from '@sluice/core';
import { type Command, Option } from 'commander';
import { type SelectOptions, withSelect } from './asked.ts';
import { type Finding, findingJson, githubLine } from './diagnostics.ts';
import { renderError } from './errors.ts';
import { EXIT } from './exit.ts';
import { findingsOf, renderFindings, summaryOf } from './findings.ts';
import { outputOf, withCommon } from './options.ts';
import { type OpenProject, openProject, shownPath } from './project.ts';
import { sarifLog } from './sarif.ts';
import { chooseJobs } from './select.ts';
import { print, styleFor, tell } from './terminal.ts';

interface ValidateOptions extends SelectOptions {
  failOn: 'error' | 'warning';
}

export function define(command: Command): void {
  withSelect(withCommon(command, ['text', 'json', 'sarif', 'github']), 'files of jobs')
    .argument('[file...]', 'files to check (default: sluice.yaml and every job file)')
    .addOption(
      new Option('--fail-on <severity>', 'lowest severity that fails').choices(['error', 'warning']).default('error'),
    )
    .addHelpText('after', '\nIn text, lines and columns count from 1; columns in UTF-16 units, as editors count them.')
    .action(validate);
}

async function validate(files: string[], options: ValidateOptions): Promise<void> {
  const project = await openProject(options, files);
  const wanted = await wantedFiles(project, files, options.select);
  const findings = findingsOf(project, wanted);
  write(project, findings, outputOf(options));
  const style = styleFor(process.stderr);
  const unreadable = project.unreadable.filter(({ file }) => !wanted || wanted.has(file));
  for (const { file, reason } of unreadable) {
    const where = { path: shownPath(project, file) };
    const error = new SluiceError('project/unreadable', 'config', `A job file cannot be read: ${reason}`, { where });
    tell(renderError(error.toJSON(), style));
  }
  const checked = wanted ? wanted.size : project.jobs.size + (project.config ? 1 : 0);
  if (!options.quiet) tell(summaryOf(findings, checked));
  const fails = findings.some(({ diagnostic: { severity } }) => severity === 'error' || severity === options.failOn);
  process.exitCode = unreadable.length > 0 ? EXIT.usage : fails ? EXIT.failed : EXIT.done;
}

/** The files that were named or selected; undefined: all. */
async function wantedFiles(
  project: OpenProject,
  files: readonly string[],
  selectors: readonly string[] | undefined,
): Promise<Set<string> | undefined> {
  if (files.length === 0 && !selectors) return undefined;
  const names = await namesIn(project, files);
  if (selectors) for (const { document } of await chooseJobs(project, [], selectors)) names.add(document.file);
  return names;
}

/** Files from the command line as the project names them. */
export async function namesIn(project: OpenProject, files: readonly string[]): Promise<Set<string>> {
  const byPath = new Map<string, string>();
  for (const file of [...project.jobs.keys(), ...project.unreadable.map((entry) => entry.file)])
    byPath.set(await realpath(resolve(project.dir, file)).catch(() => file), file);
  if (project.config) byPath.set(await realpath(resolve(project.dir, project.config.file)), project.config.file);
  const names = await Promise.all(files.map(async (file) => byPath.get(await realpath(file))));
  return new Set(names.filter((name) => name !== undefined));
}

function write(project: OpenProject, findings: readonly Finding[], output: string): void {
  if (output === 'json') print(JSON.stringify(findings.map(findingJson), null, 2));
  else if (output === 'sarif') print(JSON.stringify(sarifLog(findings), null, 2));
  else if (output === 'github') print(findings.map(githubLine).join('\n'));
  else if (findings.length > 0) print(renderFindings(project, findings, styleFor(process.stdout)));
}
