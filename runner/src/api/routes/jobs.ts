import { isJsonObject, type Json, type JsonObject, parseDocument, rightsTo, textIn, writeYaml } from '@sluice/core';
import { fileFindings } from '../../repo/file-findings.ts';
import { importJob } from '../../repo/origin.ts';
import type { JobFilter, JobRow, JobSummary } from '../../store/jobs.ts';
import { Answers } from '../answers.ts';
import { type ApiContext, requireLeave } from '../context.ts';
import type { Identity } from '../identity.ts';
import { isTimeless, JOB, JOB_STATUS, JOB_SUMMARY, jobFor, summaryOf, viewOf } from '../job-view.ts';
import { compiled, withDocument } from '../jobs-in.ts';
import { Problem } from '../problems.ts';
import { createFile, fileFor, removeFile, requireWritable } from '../project-files.ts';
import type { ApiRoute, Call } from '../route.ts';
import { answer, input, JOB_PARAMS, list, map, NEXT, object, PAGE, text } from '../schemas.ts';

const YAML = 'application/yaml';
const CREATED = object({
  job: JOB,
  file: text('The file that was written, from the project folder.'),
  yaml: text('What it holds.'),
  warnings: list(text(), 'Fields that have no effect or were not taken over.'),
  diagnostics: list({ $ref: 'Diagnostic#' }, 'What `validate` says of the file.'),
});

const ORIGIN = {
  type: 'object',
  description: 'A job as the origin’s API takes it (`job_name` …), or one of the job language as JSON (`name` …).',
  properties: {
    job_name: { type: 'string', minLength: 1, maxLength: 200 },
    description: { type: ['string', 'null'], maxLength: 10_000 },
    source_config: map('`source_type`, `connection_params`, `file_pattern`, `schema_inference`.'),
    destination_schema: { type: ['string', 'null'], maxLength: 200 },
    destination_table: { type: ['string', 'null'], maxLength: 200 },
    processing_config: map('`mode`, `format`, `batch_size`, `checkpoint_enabled`.'),
    compute_config: map('`min_workers`, `max_workers`, `autoscaling_enabled` …'),
    schedule_config: map('`enabled`, `cron_expression`, `timezone`, `max_retries`, `retry_delay_seconds`.'),
    tags: { type: 'array', items: { type: 'string' } },
    name: { type: 'string', minLength: 1, maxLength: 200 },
  },
  anyOf: [{ required: ['job_name'] }, { required: ['name'] }],
  additionalProperties: true,
};

/** Jobs: create, list, read, delete. */
export function jobRoutes(context: ApiContext): ApiRoute[] {
  const tag = 'Jobs';
  const lists = new Answers<Buffer>(versionOf(context));
  return [
    {
      ...{ method: 'POST', path: '/jobs', role: 'editor', audit: 'job.create', tag, operation: 'createJob' },
      summary: 'Create a job',
      description:
        'Writes `jobs/NAME.yaml` into the project and applies it. Secrets inside the body are stored encrypted and never stand in the file.',
      consumes: ['application/json', YAML],
      body: {
        content: { 'application/json': { schema: ORIGIN }, [YAML]: { schema: { type: 'string', minLength: 1 } } },
      },
      answers: { 201: answer('The job, and its file.', CREATED) },
      handle: (call) => context.door.writing(() => createJob(context, call)),
    },
    {
      ...{
        method: 'GET',
        path: '/jobs',
        role: 'viewer',
        tag,
        operation: 'listJobs',
        summary: 'Jobs that are applied, by name',
      },
      query: input({
        status: { type: 'string', enum: JOB_STATUS },
        tag: { type: 'string', minLength: 1, maxLength: 200 },
        owner: { type: 'string', minLength: 1, maxLength: 200 },
        q: { type: 'string', minLength: 1, maxLength: 200, description: 'Part of the name or the description.' },
        ...PAGE,
      }),
      answers: { 200: answer('Those that one may see.', object({ jobs: list(JOB_SUMMARY), next_cursor: NEXT })) },
      handle: (call) => listJobs(context, lists, call),
    },
    {
      ...{ method: 'GET', path: '/jobs/:id', role: 'viewer', tag, operation: 'getJob', summary: 'A job' },
      params: JOB_PARAMS,
      answers: { 200: answer('The job as it is applied.', JOB) },
      handle: async (call: Call<{ id: string }>) => viewOf(await jobFor(context, call, 'view')),
    },
    {
      ...{ method: 'DELETE', path: '/jobs/:id', role: 'editor', audit: 'job.delete', tag, operation: 'deleteJob' },
      summary: 'Delete a job',
      description: 'Removes its file and applies that. Its table and its history stay. 409 while it runs.',
      params: JOB_PARAMS,
      answers: {
        200: answer(
          'Deleted.',
          object({ job_id: text(), job_name: text(), file: text('The file that was removed.'), message: text() }),
        ),
      },
      handle: (call) => context.door.writing(() => deleteJob(context, call)),
    },
  ];
}

/** At most so many pages of jobs that one may not see are passed over for one answer. */
const MOST_PAGES = 50;

type ListCall = Call<object, Omit<JobFilter, 'project' | 'target' | 'after'> & { limit: number; cursor?: string }>;

/** What lists are made of: rows of the state store, and the rules of who may see them. */
function versionOf({ store, door }: ApiContext): () => Promise<string> {
  let rules: unknown = null;
  let changes = 0;
  return async () => {
    const [version, { access }] = await Promise.all([store.version(), door.settings()]);
    if (access !== rules) [rules, changes] = [access, changes + 1];
    return `${version} ${changes}`;
  };
}

/** As the bytes that go out: whoever shows jobs asks every few seconds, and mostly nothing has changed. */
async function listJobs(context: ApiContext, lists: Answers<Buffer>, { query, who, reply }: ListCall): Promise<object> {
  const key = JSON.stringify([query, who.role, who.user, who.token, who.groups]);
  const bytes = await lists.get(key, async () => {
    const { found, next } = await pageOf(context, query, who);
    const text = reply.serialize({ jobs: found.map(summaryOf), next_cursor: next });
    // Which jobs are of a status, the end of a pause changes as well.
    const lasts = query.status === undefined && found.every(isTimeless);
    return { answer: Buffer.from(text as string), lasts };
  });
  return reply.type('application/json; charset=utf-8').send(bytes);
}

/** Jobs that one may see, and where the next page begins. */
async function pageOf(
  { store, door }: ApiContext,
  { limit, cursor, ...filter }: ListCall['query'],
  who: Identity,
): Promise<{ found: JobSummary[]; next: string | null }> {
  const { access } = await door.settings();
  const found: JobSummary[] = [];
  let after = cursor;
  let more = true;
  for (let page = 0; more && found.length < limit && page < MOST_PAGES; page++) {
    const rows = await store.jobs.summaries({
      ...door.key,
      ...filter,
      limit: limit + 1,
      ...(after === undefined ? {} : { after }),
    });
    more = rows.length > limit;
    for (const row of rows.slice(0, limit)) {
      if (found.length === limit) {
        more = true;
        break;
      }
      after = row.job;
      if (rightsTo(access, { file: row.file, tags: row.definition.tags }, who).view) found.push(row);
    }
  }
  return { found, next: more ? (after ?? null) : null };
}

interface NewJob {
  name: string;
  yaml: string;
  warnings: string[];
  /** By path in the store of secrets. */
  secrets: Map<string, string>;
}

async function createJob(
  context: ApiContext,
  { body, who, reply, audited }: Call<object, object, Json>,
): Promise<object> {
  const { store, door } = context;
  const made = typeof body === 'string' ? fromYaml(body) : fromJson(body);
  audited({ subject: made.name });
  const project = await door.load();
  const file = fileFor(project, made.name);
  const document = parseDocument(made.yaml, file);
  if (project.jobs.has(file)) throw exists(made.name);
  const { job, diagnostics } = compiled(withDocument(project, document), document);
  await requireLeave(context, who, 'edit', job);
  if ((await store.jobs.find(door.key, job.name)) !== null) throw exists(job.name);
  await requireWritable(door, file, made.yaml);
  await keepSecrets(context, made, who.name);
  await createFile(door, file, made.yaml);
  await door.reconcile(who.name, file);
  const row = await store.jobs.find(door.key, job.name);
  if (row === null) throw pending(file);
  return reply.code(201).send({ job: viewOf(row), file, yaml: made.yaml, warnings: made.warnings, diagnostics });
}

function fromYaml(yaml: string): NewJob {
  const document = parseDocument(yaml, 'jobs/new.yaml');
  const name = textIn(document.root, 'name');
  if (name !== undefined && /^[a-z][a-z0-9_-]*$/.test(name)) return { name, yaml, warnings: [], secrets: new Map() };
  throw new Problem(422, 'job/invalid', 'The YAML has no `name` by which its file could be called', {
    diagnostics: fileFindings(document, document.diagnostics),
  });
}

function fromJson(body: Json): NewJob {
  const value: JsonObject = isJsonObject(body) ? body : {};
  if (value.job_name === undefined) return fromYaml(writeYaml(value));
  const secrets = new Map<string, string>();
  const found = importJob(value, ({ job, key, value: secret }) => {
    const path = `${job}/${key.replaceAll('.', '/')}`;
    secrets.set(path, secret);
    return { reference: `\${secret:store/${path}}`, warning: null };
  });
  if (!found) throw new Problem(422, 'api/request', '`job_name` has to be a text');
  return { name: found.name, yaml: writeYaml(found.value), warnings: found.warnings, secrets };
}

async function keepSecrets({ secrets: kept }: ApiContext, { secrets }: NewJob, by: string): Promise<void> {
  for (const [path, value] of secrets) await kept.put(path, value, by);
}

async function deleteJob(context: ApiContext, call: Call<{ id: string }>): Promise<object> {
  const { store, door } = context;
  const row = await jobFor(context, call, 'edit');
  call.audited({ subject: row.job });
  await requireIdle(context, row);
  await requireWritable(door, row.file, null);
  await removeFile(door, row.file);
  await door.reconcile(call.who.name, row.file);
  if ((await store.jobs.find(door.key, row.job)) !== null) throw pending(row.file);
  const message = 'Its table and its history stay; its checkpoints are kept for 30 days.';
  return { job_id: row.id, job_name: row.job, file: row.file, message };
}

/** Throws 409 while a run of the job is alive. */
export async function requireIdle({ store, door }: ApiContext, { job }: JobRow): Promise<void> {
  const alive = (await store.queue.alive({ ...door.key, job })).find(({ state }) => state !== 'queued');
  if (!alive) return;
  throw new Problem(409, 'run/busy', `${job} is running: execution ${alive.id}`, {
    where: { job, run: alive.id },
    hint: 'Stop it first: POST /api/v1/jobs/{id}/stop.',
  });
}

function exists(name: string): Problem {
  return new Problem(409, 'job/exists', `There is a job ${name} already`, {
    hint: 'Take another name, or change that one.',
  });
}

/** The file is written, and what is applied does not follow it yet: another problem of the project stands in its way. */
export function pending(file: string): Problem {
  return new Problem(409, 'job/pending', `${file} is changed, but what is applied does not follow yet`, {
    hint: 'GET /api/v1/plan shows why.',
  });
}
