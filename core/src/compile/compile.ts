import { check, ownFindings } from '../check/check.ts';
import type { Project } from '../check/project.ts';
import type { Scope } from '../check/scope.ts';
import { textsOf } from '../check/scope.ts';
import type { JobView } from '../check/view.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { SluiceError } from '../model/error.ts';
import type { Job, Retries, Schedule } from '../model/job.ts';
import type { Json } from '../model/json.ts';
import { parseDuration } from '../model/units.ts';
import { canonicalCron } from '../schedule/canonical.ts';
import { child, type Document, type MapNode, textOf } from '../text/node.ts';
import { hashJson } from './canonical.ts';
import { notifyOf, slaOf } from './notify.ts';
import { computeOf } from './presets.ts';
import { providersUsed } from './secrets.ts';
import { streamOf } from './stream.ts';

export interface CompileOptions {
  /** Name of the target; the project's default one where left out. */
  target?: string;
  /** Values of `--var`, over the target's and the defaults. */
  vars?: Readonly<Record<string, string>>;
}

export interface Compiled {
  /** null where a diagnostic is an error. */
  job: Job | null;
  diagnostics: Diagnostic[];
}

/**
 * Turns a job file into its Job: defaults, connections, presets and streams laid out. Findings of sluice.yaml that are
 * errors are among the diagnostics with the file named in the message. Throws `config/target` on an unknown target and
 * `config/variable` on a value for a variable that the project does not declare.
 */
export function compile(document: Document, project: Project, options: CompileOptions = {}): Compiled {
  return compileIn(targetScope(project, options), document, project);
}

/**
 * The same for every job file of a project, in their order. Each is looked into once, and lets go of its tree then: what is kept is its text,
 * its findings, its Job, and what the other jobs want to know.
 */
export function compileAll(project: Project, options: CompileOptions = {}): (Compiled & { document: Document })[] {
  const scope = targetScope(project, options);
  for (const document of project.files.jobs) {
    const view = project.view(document, scope);
    if (settled.has(view)) continue;
    const failed = hasError(ownFindings(view, project)) || hasError(projectErrors(project));
    project.analyse(document, scope);
    if (!failed) compiledOf(view, project);
    view.rest();
    document.rest?.();
    settled.add(view);
  }
  return project.files.jobs.map((document) => ({ document, ...compileIn(scope, document, project) }));
}

const settled = new WeakSet<JobView>();

function compileIn(scope: Scope, document: Document, project: Project): Compiled {
  const diagnostics = [...projectErrors(project), ...check(document, project, scope)];
  const job = hasError(diagnostics) ? null : compiledOf(project.view(document, scope), project);
  return { job, diagnostics };
}

function hasError(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'error');
}

const compiled = new WeakMap<JobView, Job>();

/** Remembered for each view: a file that is as it was gives the job that it gave. */
function compiledOf(view: JobView, project: Project): Job | null {
  const known = compiled.get(view);
  if (known?.project === project.name) return known;
  const job = view.job && view.name !== undefined ? jobOf(view, view.job, project) : null;
  if (job) compiled.set(view, job);
  return job;
}

/** sluice.yaml in the target that was asked for. Throws as `compile` does. */
export function targetScope(project: Project, { target, vars = {} }: CompileOptions): Scope {
  const scope = project.scope(target, vars);
  if (scope.target === null) {
    throw new SluiceError('config/target', 'config', `The project has no target ${target}`, {
      hint: `There is ${project.targets.join(', ')}.`,
    });
  }
  const declared = project.scope(target).variables;
  const unknown = Object.keys(vars).find((name) => !declared.has(name));
  if (unknown !== undefined) {
    const names = [...declared.keys()];
    throw new SluiceError('config/variable', 'config', `The project declares no variable ${unknown}`, {
      hint: names.length > 0 ? `There is ${names.join(', ')}.` : 'Declare it under `variables` in sluice.yaml.',
    });
  }
  return scope;
}

/** A job cannot be compiled under a broken sluice.yaml: what it inherits is not known. */
function projectErrors(project: Project): Diagnostic[] {
  const { config } = project.files;
  if (!config) return [];
  const found = configErrors.get(config) ?? errorsOf(config, project);
  configErrors.set(config, found);
  return found;
}

const configErrors = new WeakMap<Document, Diagnostic[]>();

function errorsOf(config: Document, project: Project): Diagnostic[] {
  return check(config, project)
    .filter((diagnostic) => diagnostic.severity === 'error')
    .map((diagnostic) => ({
      code: diagnostic.code,
      severity: diagnostic.severity,
      message: `${config.file}: ${diagnostic.message}`,
      range: { start: 0, end: 0 },
      path: '',
      related: [{ message: diagnostic.message, file: config.file, range: diagnostic.range }],
    }));
}

function jobOf(view: JobView, node: MapNode, project: Project): Job {
  const job: Omit<Job, 'hash'> = {
    name: view.name ?? '',
    renamed_from: textsOf(node, 'renamed_from'),
    project: project.name,
    target: view.scope.target ?? 'default',
    file: view.document.file,
    enabled: textOf(node, 'enabled') !== 'false',
    description: plainText(textOf(node, 'description')),
    owner: plainText(textOf(node, 'owner')),
    tags: textsOf(node, 'tags'),
    depends_on: textsOf(node, 'depends_on'),
    streams: view.streams.map((stream) => streamOf(view, stream)),
    compute: computeOf(child(node, 'compute')),
    schedule: scheduleOf(node),
    retries: retriesOf(node),
    timeout_ms: parseDuration(textOf(node, 'timeout') ?? ''),
    notify: notifyOf(view.scope, node),
    sla: slaOf(node),
    secret_providers: {},
  };
  job.secret_providers = providersUsed(view.scope, job as unknown as Json);
  const { file: _, ...hashed } = job;
  return { ...job, hash: hashJson(hashed as unknown as Json) };
}

/** Texts for people hold no references, so that an escaped one is shown as meant. */
function plainText(text: string | undefined): string | null {
  return text === undefined ? null : text.replaceAll('$${', () => '${');
}

function scheduleOf(node: MapNode): Schedule | null {
  const schedule = child(node, 'schedule');
  const cron = textOf(schedule, 'cron');
  if (cron === undefined) return null;
  return {
    cron: canonicalCron(cron),
    timezone: textOf(schedule, 'timezone') ?? 'UTC',
    start: textOf(schedule, 'start') ?? null,
    end: textOf(schedule, 'end') ?? null,
    overlap_policy: (textOf(schedule, 'overlap_policy') ?? 'skip') as Schedule['overlap_policy'],
    catchup: (textOf(schedule, 'catchup') ?? 'latest') as Schedule['catchup'],
  };
}

function retriesOf(node: MapNode): Retries {
  const retries = child(node, 'retries');
  return {
    max: Number(textOf(retries, 'max') ?? 0),
    delay_ms: parseDuration(textOf(retries, 'delay') ?? '30s') ?? 30_000,
    backoff: (textOf(retries, 'backoff') ?? 'exponential') as Retries['backoff'],
  };
}
