import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { formatYaml, SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { renderError } from './errors.ts';
import { EXIT } from './exit.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { documentsOf, openProject, shownPath } from './project.ts';
import { plural, print, styleFor, tell } from './terminal.ts';
import { namesIn } from './validate.ts';

interface FormatOptions extends CommonOptions {
  check?: boolean;
}

export function define(command: Command): void {
  withCommon(command, ['text', 'json'])
    .argument('[file...]', 'files to lay out (default: sluice.yaml and every job file)')
    .option('--check', 'write nothing; name the files that would change, and fail where there is one')
    .addHelpText('after', '\nThe names of the files that changed go to stdout. What a job means is never changed.')
    .action(format);
}

async function format(files: string[], options: FormatOptions): Promise<void> {
  const project = await openProject(options, files);
  const wanted = files.length > 0 ? await namesIn(project, files) : null;
  const changed: string[] = [];
  const broken: string[] = [];
  for (const document of documentsOf(project).values()) {
    if (wanted && !wanted.has(document.file)) continue;
    const text = formatYaml(document.text);
    const shown = shownPath(project, document.file);
    if (text === null) broken.push(shown);
    else if (text !== document.text) {
      if (!options.check) await writeFile(resolve(project.dir, document.file), text);
      changed.push(shown);
    }
  }
  if (outputOf(options) === 'json') print(JSON.stringify({ changed: changed.sort(), broken: broken.sort() }));
  else if (changed.length > 0) print(changed.sort().join('\n'));
  for (const path of broken) {
    const error = new SluiceError('fmt/syntax', 'config', `${path} is no YAML and was left as it is`, {
      hint: '`sluice validate` shows what is wrong.',
    });
    tell(renderError(error.toJSON(), styleFor(process.stderr)));
  }
  if (!options.quiet) tell(`${plural(changed.length, 'file')} ${options.check ? 'to lay out' : 'laid out'}`);
  process.exitCode = broken.length > 0 || (options.check && changed.length > 0) ? EXIT.failed : EXIT.done;
}
