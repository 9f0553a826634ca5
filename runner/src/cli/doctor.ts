import { access, constants, mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Job, messageOf, SluiceError, type SluiceErrorJson, streamAddress, VERSION } from '@sluice/core';
import type { Command } from 'commander';
import { engineVersion } from '../executor/engine.ts';
import { expandJob } from '../executor/expand.ts';
import { type Probe, probeStream } from '../executor/probe.ts';
import { withReferences } from '../executor/resolve.ts';
import { openStateStore, stateLocation } from '../store/store.ts';
import { type SelectOptions, withSelect } from './asked.ts';
import { EXIT } from './exit.ts';
import { findingsOf } from './findings.ts';
import { compileChosen } from './jobs.ts';
import { outputOf, withCommon } from './options.ts';
import { type OpenProject, openProject } from './project.ts';
import { type Chosen, chooseJobs, isPath } from './select.ts';
import { exitOnInterrupt } from './signals.ts';
import { bytes, padEnd, plural, print, printable, printableLine, type Style, styleFor } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface Finding {
  check: string;
  /** JOB/STREAM; null: of the machine or the project. */
  stream: string | null;
  status: 'ok' | 'failed';
  message: string;
  code: string | null;
  hint: string | null;
}

/** Less free space than this is told of as a fault: a run spools and sorts on disk. */
const FREE_BYTES = 500_000_000;

export function define(command: Command): void {
  withSelect(withCommon(command, ['text', 'json']))
    .argument('[job...]', 'jobs by NAME, NAME/STREAM or path (default: every job that is enabled)')
    .addHelpText(
      'after',
      '\nReaches, lists and reads the sources and asks the destinations for rights; writes nothing.',
    )
    .action(doctor);
}

async function doctor(names: string[], options: SelectOptions): Promise<void> {
  const project = await openProject(options, names.filter(isPath));
  const named = names.length > 0 || options.select !== undefined;
  const chosen =
    named || project.jobs.size > 0 ? await chooseJobs(project, names, named ? (options.select ?? []) : ['path:.']) : [];
  const interrupt = exitOnInterrupt();
  const output = outputOf(options);
  const style = styleFor(process.stdout);
  const all: Finding[] = [];
  const say = (finding: Finding) => {
    all.push(finding);
    if (output === 'text') print(line(finding, style));
  };
  try {
    for (const check of [machine, files, disk, state]) say(await check(project));
    for (const one of chosen) for (const finding of await ofJob(project, one, named, interrupt.signal)) say(finding);
  } finally {
    interrupt.dispose();
  }
  if (output === 'json') print(JSON.stringify(all, null, 2));
  process.exitCode = all.some(({ status }) => status === 'failed') ? EXIT.failed : EXIT.done;
}

function line({ check, stream, status, message, code, hint }: Finding, style: Style): string {
  const mark = status === 'ok' ? style.green('ok    ') : style.red('failed');
  const what = padEnd(stream === null ? check : `${printableLine(stream)} ${check}`, 32);
  const cause = code === null ? printable(message) : `[${code}] ${printable(message)}`;
  return `${mark}  ${what}  ${cause}${hint === null ? '' : `\n        ${style.cyan('hint')} ${printable(hint)}`}`;
}

function ok(check: string, message: string, stream: string | null = null): Finding {
  return { check, stream, status: 'ok', message, code: null, hint: null };
}

function failed(check: string, { code, message, hint }: SluiceErrorJson, stream: string | null = null): Finding {
  return { check, stream, status: 'failed', message, code, hint };
}

/** Runs one check; what it throws is its answer. */
async function tried(check: string, work: () => Promise<string>): Promise<Finding> {
  try {
    return ok(check, await work());
  } catch (error) {
    const known = error instanceof SluiceError ? error : new SluiceError('internal', 'terminal', messageOf(error));
    return failed(check, known.toJSON());
  }
}

function machine(): Promise<Finding> {
  return tried('machine', async () => {
    const engine = await engineVersion();
    return `sluice ${VERSION}, Node.js ${process.versions.node}, DuckDB ${engine}, ${process.platform} ${process.arch}`;
  });
}

function files(project: OpenProject): Promise<Finding> {
  return tried('files', async () => {
    const errors = findingsOf(project).filter(({ diagnostic }) => diagnostic.severity === 'error').length;
    const [first] = project.unreadable;
    if (first) throw new SluiceError('project/unreadable', 'config', `${first.file} cannot be read: ${first.reason}`);
    if (errors > 0) {
      const hint = { hint: 'Run `sluice validate`.' };
      throw new SluiceError('job/invalid', 'config', `${plural(errors, 'error')} in the files of the project`, hint);
    }
    return `${project.config ? 'sluice.yaml' : 'no sluice.yaml'} in ${project.dir}, ${plural(project.jobs.size, 'job file')}`;
  });
}

function disk(project: OpenProject): Promise<Finding> {
  return tried('disk', async () => {
    const folder = join(project.dir, '.sluice');
    await mkdir(folder, { recursive: true }).catch(() => undefined);
    await access(folder, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
      throw new SluiceError('disk/unwritable', 'config', `${folder} cannot be written to: ${error.code}`, {
        hint: 'A run spools there: give the user that runs sluice the right to write.',
      });
    });
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (free >= FREE_BYTES) return `${bytes(free)} free for the spool and the embedded warehouse`;
    throw new SluiceError('disk/full', 'config', `Only ${bytes(free)} are free where ${folder} lies`, {
      hint: 'A run spools and sorts there: make room.',
    });
  });
}

function state(project: OpenProject): Promise<Finding> {
  return tried('state store', async () => {
    const location = { projectDir: project.dir, stateStore: stateStoreOf(project) };
    const { embedded, place } = stateLocation(location);
    const store = await openStateStore(location);
    const version = await store.serverVersion().finally(() => store.close());
    return `PostgreSQL ${version}, ${embedded ? `embedded in ${place}` : `named by ${place}`}`;
  });
}

/** What a run of the job would need; null streams of jobs that are switched off are passed over unless they were named. */
async function ofJob(project: OpenProject, chosen: Chosen, named: boolean, signal: AbortSignal): Promise<Finding[]> {
  let job: Job;
  try {
    job = compileChosen(project, chosen, { quiet: true, silent: true, references: true });
    if (!named && !job.enabled) return [];
    const request = { projectDir: project.dir, job, env: project.env, stateStore: stateStoreOf(project) };
    job = await withReferences({ ...request, job: await expandJob(request, signal) }, signal);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return [failed('job', error.toJSON(), chosen.name)];
  }
  const findings: Finding[] = [];
  for (const stream of job.streams) {
    if (chosen.stream === null ? !stream.enabled : chosen.stream !== stream.name) continue;
    const key = { project: job.project, target: job.target, job: job.name, stream: stream.name };
    const stateStore = stateStoreOf(project);
    const probes = await probeStream({ projectDir: project.dir, key, stream, stateStore, signal });
    const shown = streamAddress(job.name, stream.name);
    findings.push(...probes.map((probe) => ofProbe(probe, shown)));
  }
  return findings;
}

function ofProbe({ what, side, found, error }: Probe, stream: string): Finding {
  const check = `${side} ${what}`;
  return error ? failed(check, error, stream) : ok(check, found ?? '', stream);
}
