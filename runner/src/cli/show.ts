import { type JsonObject, mergedJob, SluiceError, writeYaml } from '@sluice/core';
import type { Command } from 'commander';
import { eachJob, openAsked, printJson, type SelectOptions, withJobs } from './asked.ts';
import { compileChosen } from './jobs.ts';
import { outputOf, withCommon } from './options.ts';
import type { OpenProject } from './project.ts';
import type { Chosen } from './select.ts';
import { print } from './terminal.ts';

export function define(command: Command): void {
  withJobs(withCommon(command, ['text', 'json']))
    .addHelpText(
      'after',
      '\nReferences stay as they are written; variables are put in. Several jobs are YAML documents of one stream.',
    )
    .action(show);
}

async function show(names: string[], options: SelectOptions): Promise<void> {
  const asked = await openAsked(names, options);
  const results = await eachJob(asked, async (one) => {
    compileChosen(asked.project, one, { quiet: options.quiet === true, references: false });
    return mergedValue(asked.project, one);
  });
  if (outputOf(options) === 'json') printJson(asked, results);
  else print(results.map(({ result }) => writeYaml(result)).join('---\n'));
}

function mergedValue(project: OpenProject, { document, name, stream }: Chosen): JsonObject {
  const merged = mergedJob(project.project.view(document, project.scope));
  const found = stream === null ? merged?.whole : merged?.streams.find((one) => one.name === stream)?.value;
  if (!found) throw new SluiceError('job/invalid', 'config', `The job ${name} cannot be read`);
  return found;
}
