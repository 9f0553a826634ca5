import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { check, type Json, parseDocument, SluiceError, writeYaml } from '@sluice/core';
import type { Command } from 'commander';
import { type Imported, importJob } from '../repo/origin.ts';
import { usage } from './errors.ts';
import { asFindings, renderFindings } from './findings.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { type OpenProject, openProject, shownPath } from './project.ts';
import { print, printableLine, styleFor, tell } from './terminal.ts';

interface ImportOptions extends CommonOptions {
  write?: boolean;
}

export function define(command: Command): void {
  withCommon(command, ['text', 'json'])
    .argument('<file>', 'JSON of a job, of several in a list, or an answer of the API; `-` for stdin')
    .option('--write', 'write jobs/NAME.yaml for each; files that exist are left as they are')
    .action(importFile);
}

async function importFile(file: string, options: ImportOptions): Promise<void> {
  const project = await openProject(options);
  const jobs = jobsIn(await readJson(file)).map((value, i) => {
    const found = importJob(value);
    if (found) return found;
    throw new SluiceError('import/file', 'config', `Entry ${i + 1} of ${file} is no job: it has no \`job_name\``);
  });
  const style = styleFor(process.stderr);
  const made: { name: string; file: string; yaml: string; warnings: string[]; written: boolean }[] = [];
  for (const job of jobs) {
    const yaml = writeYaml(job.value);
    const path = join(project.dir, 'jobs', `${job.name}.yaml`);
    const written = options.write === true && (await writeNew(path, yaml));
    made.push({ name: job.name, file: shownPath(project, path), yaml, warnings: job.warnings, written });
    for (const warning of job.warnings) tell(`${style.yellow('warning')} ${job.name}: ${printableLine(warning)}`);
    tellFindings(project, job, yaml);
  }
  if (outputOf(options) === 'json') print(JSON.stringify(made, null, 2));
  else if (!options.write)
    print(made.map(({ file: path, yaml }) => (made.length > 1 ? `# ${path}\n${yaml}` : yaml)).join('\n'));
  else print(made.flatMap((one) => (one.written ? [one.file] : [])).join('\n'));
  if (!options.write) return;
  for (const one of made) if (!one.written) tell(`${one.file} was there and is left as it is`);
}

/** What `validate` would say of it: a system that is not built yet, a key that is still missing. */
function tellFindings(project: OpenProject, { name }: Imported, yaml: string): void {
  const document = parseDocument(yaml, `jobs/${name}.yaml`);
  const found = asFindings(project, document, check(document, project.project, project.scope));
  if (found.length > 0) tell(renderFindings(project, found, styleFor(process.stderr)));
}

async function readJson(file: string): Promise<Json> {
  let text: string;
  try {
    text = file === '-' ? await textOf(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EISDIR: 'it is a folder' };
    throw usage('file', `${file} cannot be read: ${why[code ?? ''] ?? code ?? String(error)}`);
  }
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new SluiceError('import/file', 'config', `${file} is no JSON: ${(error as Error).message}`);
  }
}

/** A job, a list of jobs, or either below `jobs` or `job`. */
function jobsIn(value: Json): Json[] {
  if (Array.isArray(value)) return value;
  if (value !== null && typeof value === 'object') {
    if (Array.isArray(value.jobs)) return value.jobs;
    if (value.job !== undefined && value.job_name === undefined) return [value.job];
  }
  return [value];
}

async function writeNew(path: string, text: string): Promise<boolean> {
  await mkdir(join(path, '..'), { recursive: true });
  return writeFile(path, text, { flag: 'wx' }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}
