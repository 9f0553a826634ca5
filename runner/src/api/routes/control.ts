import type { RunState } from '../../store/types.ts';
import type { ApiContext } from '../context.ts';
import { JOB, jobFor, RUN_STATUS, viewOf } from '../job-view.ts';
import { Problem } from '../problems.ts';
import { alone, type Backfill, createBackfill, enqueue, requireStream, windowsNow } from '../requests.ts';
import type { ApiRoute, Call, JsonSchema } from '../route.ts';
import { answer, flag, input, JOB_PARAMS, list, object, optional, text, time, whole } from '../schemas.ts';

type JobCall<Body = undefined> = Call<{ id: string }, object, Body>;

const REASON = { type: ['string', 'null'], maxLength: 1000, description: 'Why, for the history.', default: null };
const STREAM = {
  type: ['string', 'null'],
  maxLength: 200,
  description: 'One stream of the job; null: all.',
  default: null,
};
const STATUS = { type: 'string', enum: RUN_STATUS };
const EXECUTION = { type: 'string', format: 'uuid' };

/** Start, stop, pause, resume, backfill. */
export function controlRoutes(context: ApiContext): ApiRoute[] {
  const shared = { method: 'POST', role: 'operator', tag: 'Runs', params: JOB_PARAMS } as const;
  return [
    {
      ...shared,
      ...{ path: '/jobs/:id/start', audit: 'job.start', operation: 'startJob', summary: 'Run a job now' },
      description:
        'While a run of the job is alive, its `schedule.overlap_policy` decides: 409 under skip, queued under queue, and under cancel the other one is stopped first.',
      body: optionalBody({
        stream: STREAM,
        full_refresh: { ...flag('Load everything anew.'), default: false },
        reason: REASON,
      }),
      answers: {
        202: answer(
          'Queued.',
          object({
            job_id: text(),
            execution_id: EXECUTION,
            executions: list(EXECUTION, 'Of a windowed job one for each window that is due.'),
            status: STATUS,
            message: text(),
          }),
        ),
      },
      handle: (call) => start(context, call),
    },
    {
      ...shared,
      ...{ path: '/jobs/:id/stop', audit: 'job.stop', operation: 'stopJob', summary: 'Stop the runs of a job' },
      description: 'They end gracefully, and are killed after a grace time. A commit that has begun ends.',
      body: optionalBody({
        execution: { ...text('This one alone.'), maxLength: 100 },
        hard: { ...flag('Without a grace time.'), default: false },
      }),
      answers: {
        202: answer(
          'Asked to stop.',
          object({
            job_id: text(),
            executions: list(object({ execution_id: EXECUTION, status: STATUS })),
            message: text(),
          }),
        ),
      },
      handle: (call) => stop(context, call),
    },
    {
      ...shared,
      ...{ path: '/jobs/:id/pause', audit: 'job.pause', operation: 'pauseJob', summary: 'Rest the schedule of a job' },
      description: 'A run that is alive goes on, and runs by hand are possible.',
      body: optionalBody({
        reason: REASON,
        until: { ...optional(time('Left out: until somebody resumes it.')), default: null },
      }),
      answers: { 200: answer('The job.', JOB) },
      handle: (call) => pause(context, call),
    },
    {
      ...shared,
      ...{
        path: '/jobs/:id/resume',
        audit: 'job.resume',
        operation: 'resumeJob',
        summary: 'Let the schedule of a job go on',
      },
      description: 'What it missed is made up for as `schedule.catchup` says.',
      answers: { 200: answer('The job.', JOB) },
      handle: (call) => resume(context, call),
    },
    {
      ...shared,
      ...{ path: '/jobs/:id/backfill', audit: 'job.backfill', operation: 'backfillJob' },
      summary: 'Load windows, or a stretch of a cursor, again or late',
      body: input(
        {
          from: {
            type: 'string',
            minLength: 1,
            maxLength: 200,
            description: 'Beginning: a date, a time, or a value of the cursor.',
          },
          to: { type: 'string', minLength: 1, maxLength: 200, description: 'End, itself left out.' },
          force: { ...flag('Finished windows too.'), default: false },
          ...{ stream: STREAM, reason: REASON },
        },
        ['from', 'to'],
      ),
      answers: {
        202: answer(
          'Queued.',
          object({
            job_id: text(),
            backfill_id: EXECUTION,
            executions: list(EXECUTION),
            passed_over: whole('Windows that are finished.'),
            left_out: whole('Windows that are not over yet.'),
          }),
        ),
      },
      handle: (call) => backfill(context, call),
    },
  ];
}

/** A body that may be left out. */
function optionalBody(properties: Record<string, object>): JsonSchema {
  const { type: _, ...schema } = input(properties as Record<string, Record<string, unknown>>) as { type: string };
  return { ...schema, type: ['object', 'null'] };
}

async function start(
  context: ApiContext,
  call: JobCall<{ stream?: string | null; full_refresh?: boolean; reason?: string | null } | null>,
): Promise<object> {
  const { store, door } = context;
  const row = await jobFor(context, call, 'run');
  const { stream = null, full_refresh = false, reason = null } = call.body ?? {};
  call.audited({ subject: row.job, detail: { full_refresh, reason } });
  requireStream(row, stream);
  if (!row.definition.enabled) {
    throw new Problem(409, 'job/disabled', `${row.job} is switched off`, { hint: 'Its file says `enabled: false`.' });
  }
  const windows = await windowsNow(context, row, { stream, signal: call.signal });
  const options = { ...(stream === null ? {} : { stream }), ...(full_refresh ? { full_refresh } : {}) };
  const by = call.who.name;
  const { alive, executions } = await alone(context, row.job, call.signal, async () => {
    const alive = await store.queue.alive({ ...door.key, job: row.job });
    const policy = row.definition.schedule?.overlap_policy ?? 'skip';
    if (alive.length > 0 && policy === 'skip') throw busy(row.job, alive[0]!.id);
    if (policy === 'cancel') for (const { id } of alive) await store.queue.requestStop({ run: id, by });
    return { alive, executions: await enqueue(context, { row, kind: 'manual', by, reason, options, windows }) };
  });
  const [execution_id] = executions;
  if (execution_id === undefined) {
    throw new Problem(409, 'run/nothing-due', `Every window of ${row.job} that is due is finished`, {
      hint: 'POST /api/v1/jobs/{id}/backfill with "force" loads windows again.',
    });
  }
  call.audited({ detail: { full_refresh, reason, execution: execution_id } });
  const message = alive.length > 0 ? 'Queued behind the run that is alive' : 'Queued; a daemon takes it next';
  return call.reply.code(202).send({ job_id: row.id, execution_id, executions, status: 'queued', message });
}

async function stop(
  context: ApiContext,
  call: JobCall<{ execution?: string; hard?: boolean } | null>,
): Promise<object> {
  const { store, door } = context;
  const row = await jobFor(context, call, 'run');
  const { execution, hard = false } = call.body ?? {};
  call.audited({ subject: row.job, detail: { hard } });
  const alive = await store.queue.alive({ ...door.key, job: row.job });
  const wanted = alive.filter(({ id }) => execution === undefined || id === execution);
  const executions: { execution_id: string; status: RunState }[] = [];
  for (const { id } of wanted) {
    const status = await store.queue.requestStop({ run: id, by: call.who.name, hard });
    if (status !== null) executions.push({ execution_id: id, status });
  }
  if (executions.length > 0) return call.reply.code(202).send({ job_id: row.id, executions, message: 'Asked to stop' });
  throw new Problem(409, 'run/none', `No run of ${row.job} is alive`, { where: { job: row.job } });
}

async function pause(
  context: ApiContext,
  call: JobCall<{ reason?: string | null; until?: string | null } | null>,
): Promise<object> {
  const row = await jobFor(context, call, 'run');
  const { reason = null, until = null } = call.body ?? {};
  call.audited({ subject: row.job, detail: { reason, until } });
  if (until !== null && Date.parse(until) <= Date.now())
    throw new Problem(422, 'pause/until', '`until` has to lie ahead');
  await context.store.jobs.pause({ ...context.door.key, job: row.job }, { until, by: call.who.name, reason });
  return viewOf(await jobFor(context, call, 'view'));
}

async function resume(context: ApiContext, call: JobCall): Promise<object> {
  const row = await jobFor(context, call, 'run');
  call.audited({ subject: row.job });
  const done = await context.store.jobs.resume({ ...context.door.key, job: row.job }, call.who.name);
  if (!done) throw new Problem(409, 'job/not-paused', `${row.job} is not paused`, { where: { job: row.job } });
  return viewOf(await jobFor(context, call, 'view'));
}

async function backfill(context: ApiContext, call: JobCall<Backfill>): Promise<object> {
  const { body, who, audited, reply, signal } = call;
  const row = await jobFor(context, call, 'run');
  audited({ subject: row.job, detail: { from: body.from, to: body.to, force: body.force, reason: body.reason } });
  const made = await createBackfill(context, row, body, { by: who.name, signal });
  const { backfill: backfill_id, runs: executions, passedOver: passed_over, leftOut: left_out } = made;
  return reply.code(202).send({ job_id: row.id, backfill_id, executions, passed_over, left_out });
}

function busy(job: string, run: string): Problem {
  return new Problem(409, 'run/busy', `${job} is running already: execution ${run}`, {
    where: { job, run },
    hint: '`schedule.overlap_policy` of the job decides: queue and cancel let another one in.',
  });
}
