import { jobJsonSchema, projectJsonSchema } from '@sluice/core';
import { Argument, type Command } from 'commander';
import { withCommon } from './options.ts';
import { print } from './terminal.ts';

export function define(command: Command): void {
  withCommon(command, ['json'])
    .addArgument(new Argument('<kind>', 'of job files, or of sluice.yaml').choices(['job', 'project']))
    .action((kind: string) => {
      print(JSON.stringify(kind === 'job' ? jobJsonSchema() : projectJsonSchema(), null, 2));
    });
}
