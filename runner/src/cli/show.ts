import { type JsonObject, mergedJob, SluiceError, writeYaml } from '@sluice/core';
import type { Command } from 'commander';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { type OpenProject, openProject } from './project.ts';
import { type Chosen, chooseJob, isPath } from './select.ts';
import { print } from './terminal.ts';

export function define(command: Command): void {
  withCommon(command, ['text', 'json'])
    .argument('<job>', 'the job’s NAME, NAME/STREAM or path')
    .addHelpText('after', '\nReferences stay as they are written; variables are put in.')
    .action(show);
}

async function show(name: string, options: CommonOptions): Promise<void> {
  const project = await openProject(options, isPath(name) ? [name] : []);
  const chosen = chooseJob(project, name);
  compileChosen(project, chosen, { quiet: options.quiet === true, references: false });
  const value = mergedValue(project, chosen);
  print(outputOf(options) === 'json' ? JSON.stringify(value, null, 2) : writeYaml(value));
}

function mergedValue(project: OpenProject, { document, name, stream }: Chosen): JsonObject {
  const merged = mergedJob(project.project.view(document, project.scope));
  const found = stream === null ? merged?.whole : merged?.streams.find((one) => one.name === stream)?.value;
  if (!found) throw new SluiceError('job/invalid', 'config', `The job ${name} cannot be read`);
  return found;
}
