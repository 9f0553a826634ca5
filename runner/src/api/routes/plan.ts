import {
  type Access,
  destructiveEffects,
  EFFECT_KINDS,
  isEmpty,
  type Job,
  type Plan,
  planMarkdown,
  planText,
  rightsTo,
  SluiceError,
  withSeen,
} from '@sluice/core';
import { ask } from '../../executor/ask.ts';
import type { FileFinding } from '../../repo/file-findings.ts';
import { type ApiContext, requireLeave } from '../context.ts';
import type { Identity } from '../identity.ts';
import { environmentOf } from '../jobs-in.ts';
import { Problem } from '../problems.ts';
import type { Difference } from '../project-door.ts';
import type { ApiRoute, Call } from '../route.ts';
import { answer, any, flag, input, list, object, text, whole } from '../schemas.ts';

const CONFIG = 'sluice.yaml';
const MOST_BYTES = 64 << 20;
const CONNECT =
  'Look at the destinations of streams that change, and at their sources, through connections that stand in the files as they are applied: what becomes of the table, and which files are read.';

const PLAN = object(
  {
    ...{ project: text(), target: text(), version: whole('Version of what was applied when the plan was made.') },
    hash: text('Give it to POST /apply.'),
    limits: {
      type: 'object',
      additionalProperties: { type: 'integer' },
      description: 'Runs at a time once it is applied, by `tag:NAME` and `connection:NAME`.',
    },
    empty: flag('Nothing would change.'),
    destructive: flag('Applying it loses what cannot be brought back.'),
    changes: list(
      object(
        {
          address: text('`job`, or `job/stream`.'),
          action: { type: 'string', enum: ['create', 'update', 'delete', 'none'] },
          file: text(),
          fields: list(
            object({ path: text(), old: any('null: there was none. Secrets are `***`.'), new: any('As `old`.') }),
          ),
          effects: list(
            object({ kind: { type: 'string', enum: [...EFFECT_KINDS] }, message: text(), destructive: flag() }),
            'What applying it means: for due times, loads, files, the table and its rows, and runs.',
          ),
          reason: text(),
          renamed_from: text('Name that the job had before.'),
        },
        ['renamed_from'],
      ),
    ),
    problems: list(object({ file: text(), names: list(text()), message: text() }), 'Files that give no job.'),
    warnings: list(text()),
    diagnostics: list({ $ref: 'Diagnostic#' }, 'What `validate` says of the files that were sent.'),
  },
  ['diagnostics'],
);

const ANSWER = {
  200: {
    ...answer('The plan, as `Accept` asks: JSON, Markdown for a comment, or text.', PLAN),
    content: { 'text/markdown': { schema: text() }, 'text/plain': { schema: text() } },
  },
};

/** What differs between files and what is applied, and applying it. */
export function planRoutes(context: ApiContext): ApiRoute[] {
  const { store, door } = context;
  return [
    {
      ...{ method: 'GET', path: '/plan', role: 'viewer', tag: 'Plan', operation: 'getPlan' },
      summary: 'What differs between the checkout of the daemon and what is applied',
      query: input({ connect: { type: 'boolean', default: false, description: CONNECT } }),
      answers: ANSWER,
      handle: async (call: Call<object, { connect: boolean }>) => {
        const { dir, namedTarget: target, vars } = door;
        const actual = await store.actual(door.key);
        const { access } = await door.settings();
        const connect = call.query.connect ? await connecting(context, actual.jobs, access, call.who) : null;
        const asked = { projectDir: dir, dir, actual, target, vars, connect };
        const { plan, jobs, seen } = await ask('plan_folder', asked, call.signal);
        const whole = withSeen(await store.withState(plan), seen);
        return send(narrowed(whole, [...jobs, ...actual.jobs], access, call.who), null, call);
      },
    },
    {
      ...{ method: 'POST', path: '/plan', role: 'viewer', tag: 'Plan', operation: 'planFiles' },
      summary: 'What would differ if these files were the project',
      description: `All files of a candidate: ${CONFIG} and every job file. Nothing is applied, and no connection is used unless \`connect\` says so.`,
      bodyLimit: MOST_BYTES,
      body: input(
        {
          files: {
            type: 'array',
            maxItems: 100_000,
            items: input(
              {
                path: { type: 'string', minLength: 1, maxLength: 1000 },
                text: { type: 'string', maxLength: 4_000_000 },
              },
              ['path', 'text'],
            ),
          },
          connect: { type: 'boolean', default: false, description: CONNECT },
        },
        ['files'],
      ),
      answers: ANSWER,
      handle: async (call: Call<object, object, { files: { path: string; text: string }[]; connect: boolean }>) => {
        const actual = await store.actual(door.key);
        const { files } = call.body;
        const { access } = await door.settings();
        const asked = {
          projectDir: door.dir,
          files,
          actual,
          name: door.name,
          target: door.namedTarget,
          vars: door.vars,
          connect: call.body.connect ? await connecting(context, actual.jobs, access, call.who) : null,
        };
        const { project, plan, jobs, diagnostics, seen } = await ask('plan_files', asked, call.signal);
        if (project !== door.name) {
          throw new Problem(
            409,
            'plan/project',
            `These files are the project ${project}, this daemon runs ${door.name}`,
          );
        }
        const shown = narrowed(
          withSeen(await store.withState(plan), seen),
          [...jobs, ...actual.jobs],
          access,
          call.who,
        );
        const findings = diagnostics.filter(({ file }) => !isHidden(file, jobs, access, call.who));
        return send(shown, findings, call);
      },
    },
    {
      ...{ method: 'POST', path: '/apply', role: 'editor', audit: 'plan.apply', tag: 'Plan', operation: 'applyPlan' },
      summary: 'Make what is applied equal to the checkout of the daemon',
      body: input(
        {
          hash: { type: 'string', minLength: 1, maxLength: 100 },
          allow_destructive: { type: 'boolean', default: false },
        },
        ['hash'],
      ),
      answers: { 200: answer('Applied.', object({ version: whole(), hash: text(), changed: whole() })) },
      handle: async ({ body, who, audited }: Call<object, object, { hash: string; allow_destructive: boolean }>) => {
        const difference = await door.difference();
        const { plan } = difference;
        audited({ subject: plan.hash });
        if (plan.hash !== body.hash) {
          throw new SluiceError('plan/hash', 'config', `The plan is another one by now: ${plan.hash}`, {
            hint: 'Files or state changed since it was read. Read the plan again and apply its hash.',
          });
        }
        await requireEdits(context, difference, who);
        const changed = plan.changes.filter(({ action }) => action !== 'none').length;
        audited({ detail: { changed } });
        return { version: await door.apply(difference, who.name, body.allow_destructive), hash: plan.hash, changed };
      },
    },
  ];
}

/** A look goes through connections of jobs that whoever asks may see. */
async function connecting(
  { door, store }: ApiContext,
  applied: readonly Job[],
  access: Access,
  who: Identity,
): Promise<{ env: Record<string, string>; stateStore: string; trusted: string[] }> {
  const trusted = applied.filter((job) => rightsTo(access, job, who).view).map(({ name }) => name);
  return { env: environmentOf(await door.config()), stateStore: store.url, trusted };
}

/** Whoever applies a plan changes each of its jobs. */
async function requireEdits(context: ApiContext, { plan, desired, actual }: Difference, who: Identity): Promise<void> {
  const jobs = new Map([...actual.jobs, ...desired.jobs].map((job) => [job.name, job]));
  for (const { address, action } of plan.changes) {
    const job = jobs.get(address.split('/', 1)[0] ?? '');
    if (action !== 'none' && job) await requireLeave(context, who, 'edit', job);
  }
}

/** What rules look at, and a name. */
type Known = Pick<Job, 'name' | 'file' | 'tags'>;

/** A plan without the jobs that one may not see; its hash stays that of the whole. */
function narrowed(plan: Plan, jobs: readonly Known[], access: Access, who: Identity): Plan {
  const hidden = new Set(jobs.filter((job) => !rightsTo(access, job, who).view).map(({ name }) => name));
  if (hidden.size === 0) return plan;
  const isShown = (file: string, names: readonly string[]) =>
    !names.some((name) => hidden.has(name)) && rightsTo(access, { file, tags: [] }, who).view;
  return {
    ...plan,
    changes: plan.changes.filter(({ address }) => !hidden.has(address.split('/', 1)[0] ?? '')),
    problems: plan.problems.filter(({ file, names }) => isShown(file, names)),
    warnings: plan.warnings.filter((warning) => ![...hidden].some((name) => warning.includes(name))),
  };
}

/** Whether findings of a file are about a job that one may not see. */
function isHidden(file: string, jobs: readonly Known[], access: Access, who: Identity): boolean {
  const job = jobs.find((one) => one.file === file) ?? { file, tags: [] };
  return file !== CONFIG && !rightsTo(access, job, who).view;
}

function send(
  plan: Plan,
  diagnostics: FileFinding[] | null,
  { request, reply }: Pick<Call, 'request' | 'reply'>,
): object {
  const accept = request.headers.accept ?? '';
  if (/text\/markdown/.test(accept)) return reply.type('text/markdown; charset=utf-8').send(planMarkdown(plan));
  if (/text\/plain/.test(accept)) return reply.type('text/plain; charset=utf-8').send(planText(plan));
  const whole = { ...plan, empty: isEmpty(plan), destructive: destructiveEffects(plan).length > 0 };
  return reply
    .type('application/json')
    .serializer(JSON.stringify)
    .send(diagnostics === null ? whole : { ...whole, diagnostics });
}
