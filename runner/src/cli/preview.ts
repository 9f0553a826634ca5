import { rmSync } from 'node:fs';
import type { Command } from 'commander';
import { preview as previewJob, previewSpool } from '../executor/preview.ts';
import { usage } from './errors.ts';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf, positive, withCommon } from './options.ts';
import { profileText } from './profile.ts';
import { environmentOf, openProject } from './project.ts';
import { chooseJob, isPath } from './select.ts';
import { exitOnInterrupt } from './signals.ts';
import { columnList, ROW_FORMS, renderRows, rowCount } from './table.ts';
import { plural, print, printableLine, styleFor, tell } from './terminal.ts';

interface PreviewOptions extends CommonOptions {
  rows: number;
  profile?: boolean;
}

export function define(command: Command): void {
  withCommon(command, ROW_FORMS)
    .argument('<job>', 'the job’s NAME, NAME/STREAM or path')
    .option('--rows <n>', 'rows to show', positive('--rows'), 20)
    .option('--profile', 'nulls, distinct values, bounds and distribution of each column instead of rows')
    .action(preview);
}

async function preview(name: string, options: PreviewOptions): Promise<void> {
  const project = await openProject(options, isPath(name) ? [name] : []);
  const chosen = chooseJob(project, name);
  const job = compileChosen(project, chosen, { quiet: options.quiet === true, references: true });
  if (chosen.stream === null && job.streams.length > 1) {
    const streams = job.streams.map((stream) => `${job.name}/${stream.name}`);
    throw usage('stream', `The job ${job.name} has several streams: name one`, `There is ${streams.join(', ')}.`);
  }
  const interrupt = exitOnInterrupt(() => rmSync(previewSpool(project.dir), { recursive: true, force: true }));
  try {
    const request = {
      projectDir: project.dir,
      job,
      env: environmentOf(project),
      stream: chosen.stream,
      rows: options.rows,
      profile: options.profile === true,
    };
    const { columns, rows, notes, rejected, profile } = await previewJob(request, interrupt.signal);
    const output = outputOf(options);
    if (profile) {
      print(profileText(profile, columns, output, styleFor(process.stdout)));
      if (!options.quiet) for (const note of notes) tell(printableLine(note));
      return;
    }
    const text = renderRows({ columns, rows }, output, styleFor(process.stdout));
    const parts = [columns, rejected, notes].map((part) => JSON.stringify(part));
    if (output !== 'json') print(text);
    else print(`{"columns":${parts[0]},\n"rows":${text},\n"rejected":${parts[1]},\n"notes":${parts[2]}}`);
    if (options.quiet) return;
    if (output !== 'json') tell(columnList(columns));
    for (const note of notes) tell(printableLine(note));
    if (rejected > 0) tell(`${plural(rejected, 'row')} would be rejected`);
    if (output === 'text') tell(rowCount(rows));
  } finally {
    interrupt.dispose();
  }
}
