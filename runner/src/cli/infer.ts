import { readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Job, parseDocument, pinInto, SluiceError, type Stream, streamAddress } from '@sluice/core';
import type { Command } from 'commander';
import { recordOf } from '../executor/columns.ts';
import { expandJob } from '../executor/expand.ts';
import { infer as inferJob, previewSpool } from '../executor/preview.ts';
import { keepRecord } from '../repo/column-records.ts';
import { eachJob, openAsked, printJson, type SelectOptions, withJobs } from './asked.ts';
import { compileChosen } from './jobs.ts';
import { outputOf, withCommon } from './options.ts';
import { environmentOf, type OpenProject, shownPath } from './project.ts';
import type { Chosen } from './select.ts';
import { exitOnInterrupt } from './signals.ts';
import { count, padEnd, plural, print, printableLine, type Style, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface InferOptions extends SelectOptions {
  write?: boolean;
  nested?: boolean;
}

type Found = Awaited<ReturnType<typeof inferJob>>;
type Report = { stream: string } & Found;

export function define(command: Command): void {
  withJobs(withCommon(command, ['text', 'json']))
    .option('--write', 'write columns, types and dialect into the job file; comments and order stay')
    .option(
      '--nested',
      'with --write: lists and structs of JSON with the types of what they hold, where the sample fits one',
    )
    .action(infer);
}

async function infer(names: string[], options: InferOptions): Promise<void> {
  const asked = await openAsked(names, options);
  const { project } = asked;
  const interrupt = exitOnInterrupt(() => rmSpool(project.dir));
  const text = outputOf(options) === 'text';
  const pinned = new Map<string, string>();
  try {
    const results = await eachJob(asked, async (one) => {
      const { job, reports } = await inferred(project, one, options.quiet === true, interrupt.signal);
      await remember(project, one, reports);
      if (text) print(reports.map((report) => reportText(report, job.name, styleFor(process.stdout))).join('\n'));
      if (options.write)
        await write(
          { project, chosen: one, job, reports, quiet: options.quiet === true, nested: options.nested === true },
          pinned,
        );
      return reports;
    });
    if (!text) printJson(asked, results);
  } finally {
    interrupt.dispose();
  }
}

async function inferred(
  project: OpenProject,
  chosen: Chosen,
  quiet: boolean,
  signal: AbortSignal,
): Promise<{ job: Job; reports: Report[] }> {
  const written = compileChosen(project, chosen, { quiet, references: true });
  const stateStore = stateStoreOf(project);
  const job = await expandJob({ projectDir: project.dir, job: written, env: project.env, stateStore }, signal);
  const reports: Report[] = [];
  for (const stream of job.streams) {
    if (chosen.stream !== null && chosen.stream !== stream.name) continue;
    const request = { projectDir: project.dir, job, env: environmentOf(project), stateStore, stream: stream.name };
    reports.push({ stream: stream.name, ...(await inferJob(request, signal)) });
  }
  return { job, reports };
}

/** Editors complete and check by what was found: it is kept where they look. A folder that cannot be written to is no fault here. */
async function remember(project: OpenProject, chosen: Chosen, reports: readonly Report[]): Promise<void> {
  const view = project.project.view(chosen.document, project.scope);
  for (const report of reports) {
    const stream = view.streams.find(({ name }) => name === report.stream);
    if (!stream) continue;
    const { keys, record } = recordOf(view, stream, report);
    await keepRecord(project.dir, keys, record).catch(() => undefined);
  }
}

function rmSpool(dir: string): void {
  void rm(previewSpool(dir), { recursive: true, force: true });
}

function reportText(report: Report, job: string, style: Style): string {
  const { stream, format, files, sampled_files, sampled_rows, columns, evidence, warnings } = report;
  const lines = [style.bold(streamAddress(job, stream))];
  if (format !== null) {
    const looked = `${plural(sampled_rows, 'row')} of ${plural(sampled_files, 'file')} of ${count(files)}`;
    lines.push(`  format ${format}; looked at ${looked}`);
  }
  for (const line of evidence) lines.push(`  ${style.dim(printableLine(line))}`);
  const width = Math.min(32, Math.max(...columns.map(({ name }) => name.length), 4));
  for (const { name, type, by, values, nulls, ruled_out, nested } of columns) {
    const why =
      by === 'declared' ? 'declared' : by === 'source' ? 'the source’s own type' : `${plural(values, 'value')} fit`;
    const empty = nulls > 0 ? `, ${count(nulls)} null` : '';
    lines.push(`  ${padEnd(printableLine(name), width)}  ${style.cyan(padEnd(type, 14))}  ${style.dim(why + empty)}`);
    if (nested)
      lines.push(`  ${' '.repeat(width)}  ${style.dim(`as ${nested} too, where it is declared (--write --nested)`)}`);
    for (const { type: other, rows, value, path, row } of ruled_out) {
      const shown = value === null ? 'a value' : JSON.stringify(printableLine(value));
      const place = path === null ? '' : ` (${printableLine(path)}, row ${row})`;
      const more = rows > 1 ? `, and ${count(rows - 1)} more` : '';
      lines.push(`  ${' '.repeat(width)}  ${style.dim(`no ${other}: ${shown}${place}${more}`)}`);
    }
  }
  for (const line of warnings) lines.push(`  ${style.yellow('warning')} ${printableLine(line)}`);
  return `${lines.join('\n')}\n`;
}

interface Writing {
  project: OpenProject;
  chosen: Chosen;
  job: Job;
  reports: readonly Report[];
  quiet: boolean;
  /** Lists and structs are written as such, and not as json. */
  nested: boolean;
}

/**
 * Puts what was found into the file, in one step: a file that would not be valid afterwards is left as it is. `pinned` holds the
 * texts that this command has written itself, by path.
 */
async function write(
  { project, chosen, job, reports, quiet, nested }: Writing,
  pinned: Map<string, string>,
): Promise<void> {
  const path = await realpath(join(project.dir, chosen.document.file));
  const before = await readFile(path, 'utf8');
  if (before !== (pinned.get(path) ?? chosen.document.text))
    throw new SluiceError('infer/changed', 'transient', 'The job file changed meanwhile');
  let text = before;
  for (const report of reports) {
    const index = job.streams.findIndex(({ name }) => name === report.stream);
    const own = job.streams[index];
    if (!own) continue;
    const document = parseDocument(text, chosen.document.file);
    const stream = streamIndex(document, report.stream);
    if (stream === undefined) {
      tell(`${report.stream}: the file has no entry of its own for it`);
      continue;
    }
    const { text: next, left } = pinInto(document, { stream, ...pinsOf(report, own, nested) });
    for (const line of left) tell(`${report.stream}: ${line}`);
    text = next;
  }
  const broken = parseDocument(text, chosen.document.file).diagnostics.find(({ severity }) => severity === 'error');
  if (broken) throw new SluiceError('infer/write', 'terminal', `The file would not be valid: ${broken.message}`);
  const file = shownPath(project, chosen.document.file);
  if (text === before) {
    if (!quiet) tell(`${file} says all of it already`);
    return;
  }
  const draft = `${path}.${process.pid}.partial`;
  await writeFile(draft, text, { mode: (await stat(path)).mode & 0o777 });
  await rename(draft, path);
  pinned.set(path, text);
  if (!quiet) tell(`${file} has columns and format now`);
}

/** Where a stream stands under `streams`; null: the job has none, undefined: it has others. */
function streamIndex(document: ReturnType<typeof parseDocument>, name: string): number | null | undefined {
  const { root } = document;
  const entry = root?.kind === 'map' ? root.entries.find(({ key }) => key.source === 'streams') : undefined;
  if (entry?.value.kind !== 'list') return null;
  const found = entry.value.items.findIndex(
    (item) =>
      item.kind === 'map' &&
      item.entries.some(({ key, value }) => key.source === 'name' && value.kind === 'scalar' && value.source === name),
  );
  return found < 0 ? undefined : found;
}

/** A masked column's type would be that of its mask; what stays text because nobody can tell its dates is left open. */
function pinsOf(report: Found, stream: Stream, withNested: boolean) {
  const masked = new Set(stream.columns.flatMap(({ name, mask }) => (mask === null ? [] : [name])));
  const columns = report.columns
    .filter(({ name, by }) => by !== 'declared' && !masked.has(name))
    .map(({ name, type, nested }) => ({ name, type: (withNested && nested) || type }));
  const format = report.format === null ? null : { type: report.format, settings: report.pinned };
  return { columns, format };
}
