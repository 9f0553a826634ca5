import { rmSync } from 'node:fs';
import { type Job, streamAddress } from '@sluice/core';
import type { Command } from 'commander';
import type { PreviewResult } from '../executor/api.ts';
import { expandJob } from '../executor/expand.ts';
import { preview as previewJob, previewSpool } from '../executor/preview.ts';
import { type Asked, eachJob, openAsked, type SelectOptions, withJobs } from './asked.ts';
import { usage } from './errors.ts';
import { compileChosen } from './jobs.ts';
import { outputOf, positive, withCommon } from './options.ts';
import { profileText } from './profile.ts';
import { environmentOf, type OpenProject } from './project.ts';
import type { Chosen } from './select.ts';
import { exitOnInterrupt } from './signals.ts';
import { columnList, ROW_FORMS, renderRows, rowCount } from './table.ts';
import { plural, print, printableLine, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface PreviewOptions extends SelectOptions {
  rows: number;
  profile?: boolean;
}

/** Bytes, for a program that reads them. */
const STREAM = 'arrow';

export function define(command: Command): void {
  withJobs(withCommon(command, [...ROW_FORMS, STREAM]))
    .option('--rows <n>', 'rows to show', positive('--rows'), 20)
    .option('--profile', 'nulls, distinct values, bounds and distribution of each column instead of rows')
    .action(preview);
}

async function preview(names: string[], options: PreviewOptions): Promise<void> {
  const asked = await openAsked(names, options);
  const output = outputOf(options);
  if (output === STREAM) requireReader(options);
  if (asked.several && output !== 'text' && output !== 'json') {
    throw usage('output', `Rows of several jobs have no form ${output}: take text or json`);
  }
  const { dir } = asked.project;
  const interrupt = exitOnInterrupt(() => rmSync(previewSpool(dir), { recursive: true, force: true }));
  const parts: string[] = [];
  const write = (address: string, found: PreviewResult) => {
    if (output !== 'json') writePreview(found, asked.several ? address : null, options);
    else {
      parts.push(`${asked.several ? `${JSON.stringify(address)}:` : ''}${previewJson(found, options)}`);
      if (!options.quiet) for (const note of found.notes) tell(printableLine(note));
    }
  };
  try {
    await eachJob(asked, (one) => previewStreams(asked, one, options, interrupt.signal, write));
  } finally {
    interrupt.dispose();
  }
  if (output === 'json') print(asked.several ? `{${parts.join(',\n')}}` : parts.join(''));
}

async function previewStreams(
  { project, several }: Asked,
  one: Chosen,
  options: PreviewOptions,
  signal: AbortSignal,
  write: (address: string, found: PreviewResult) => void,
): Promise<void> {
  const job = compileChosen(project, one, { quiet: options.quiet === true, references: true });
  const wish = { rows: options.rows, profile: options.profile === true };
  const form = outputOf(options) === STREAM ? { bytesAs: STREAM } : {};
  const request = {
    projectDir: project.dir,
    job,
    env: environmentOf(project),
    stateStore: stateStoreOf(project),
    ...wish,
    ...form,
  };
  for (const stream of await streamsOf(project, one, job, several, signal)) {
    const address = streamAddress(job.name, stream ?? job.name);
    write(address, await previewJob({ ...request, stream }, signal));
  }
}

/** The streams to show; null: the only one. Of several jobs all of their streams are meant. Throws `usage/stream`. */
async function streamsOf(
  project: OpenProject,
  { stream }: Chosen,
  job: Job,
  several: boolean,
  signal: AbortSignal,
): Promise<(string | null)[]> {
  if (stream !== null) return [stream];
  if (several) {
    const request = { projectDir: project.dir, job, env: project.env, stateStore: stateStoreOf(project) };
    const { streams } = await expandJob(request, signal);
    return streams.filter(({ enabled }) => enabled).map(({ name }) => name);
  }
  if (job.streams.length <= 1) return [null];
  const streams = job.streams.map(({ name }) => `${job.name}/${name}`);
  throw usage('stream', `The job ${job.name} has several streams: name one`, `There is ${streams.join(', ')}.`);
}

function previewJson({ columns, rows, notes, rejected, profile }: PreviewResult, options: PreviewOptions): string {
  const style = styleFor(process.stdout);
  if (profile && options.profile) return profileText(profile, columns, 'json', style);
  const parts = [columns, rejected, notes].map((part) => JSON.stringify(part));
  const text = renderRows({ columns, rows }, 'json', style);
  return `{"columns":${parts[0]},\n"rows":${text},\n"rejected":${parts[1]},\n"notes":${parts[2]}}`;
}

function writePreview(found: PreviewResult, address: string | null, options: PreviewOptions): void {
  const { columns, rows, notes, rejected, profile, bytes } = found;
  const output = outputOf(options);
  const style = styleFor(process.stdout);
  if (address !== null) print(style.bold(address));
  if (bytes) process.stdout.write(bytes);
  else print(profile ? profileText(profile, columns, output, style) : renderRows({ columns, rows }, output, style));
  if (options.quiet) return;
  if (!profile) tell(columnList(columns));
  for (const note of notes) tell(printableLine(note));
  if (profile) return;
  if (rejected > 0) tell(`${plural(rejected, 'row')} would be rejected`);
  if (output === 'text') tell(rowCount(rows));
}

function requireReader(options: PreviewOptions): void {
  if (options.profile) throw usage('output', `--profile is no rows: it cannot be written as ${STREAM}`);
  if (process.stdout.isTTY)
    throw usage('output', `-o ${STREAM} writes bytes`, `Redirect them: sluice preview … -o ${STREAM} > rows.arrows`);
}
