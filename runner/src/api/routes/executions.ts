import { rightsTo } from '@sluice/core';
import type { LogLevel, LogRow, RunDetail, RunRow, RunState } from '../../store/types.ts';
import type { ApiContext } from '../context.ts';
import type { Identity } from '../identity.ts';
import { jobFor, RUN_STATUS } from '../job-view.ts';
import { Problem } from '../problems.ts';
import type { ApiRoute, Call } from '../route.ts';
import {
  answer,
  any,
  ERROR,
  flag,
  input,
  JOB_PARAMS,
  list,
  map,
  NEXT,
  object,
  optional,
  PAGE,
  text,
  time,
  whole,
} from '../schemas.ts';

const STATUS = { type: 'string', enum: RUN_STATUS };
const UUID = { type: 'string', format: 'uuid' };
const COUNTS = { anyOf: [map('Rows and bytes: read, written, rejected …'), { type: 'null' }] };
const CHECKPOINT = { anyOf: [map('Where the next run begins.'), { type: 'null' }] };

const EXECUTION = object({
  ...{
    execution_id: UUID,
    job_name: text(),
    status: STATUS,
    kind: text('scheduled, manual, backfill, replay, streaming.'),
  },
  ...{ attempt: whole('How often it was tried.'), counts: COUNTS, error: ERROR, git_revision: optional(text()) },
  ...{ due_at: optional(time()), window_start: optional(time()), window_end: optional(time()) },
  ...{ created_at: time(), started_at: optional(time()), finished_at: optional(time()) },
  ...{
    requested_by: optional(text()),
    reason: optional(text()),
    waiting_for: optional(text()),
    host: optional(text()),
  },
  attempts: list(object({ attempt: whole(), started_at: time(), finished_at: optional(time()), error: ERROR })),
  streams: list(
    object({
      ...{ stream: text(), status: text(), commit_id: optional(text()), counts: COUNTS, error: ERROR },
      ...{ checkpoint_before: CHECKPOINT, checkpoint_after: CHECKPOINT },
    }),
  ),
});

export const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
export const LEVEL = {
  type: 'string',
  enum: [...LEVELS, ...LEVELS.map((level) => level.toLowerCase())],
  description: 'The least level.',
};

export const LOG_LINE = object({
  seq: text('Give it as `after`.'),
  timestamp: time(),
  level: { type: 'string', enum: LEVELS },
  message: text(),
  fields: map('More of it.'),
});

/** The end of a stream of lines: the run is over and nothing follows. */
export const END = { anyOf: [object({ end: flag(), execution_id: UUID, status: STATUS }), { type: 'null' }] };

const ENDED: ReadonlySet<RunState> = new Set(['succeeded', 'failed', 'cancelled', 'skipped']);
const PERCENT = 100;

const PAGED = input({
  status: STATUS,
  limit: { ...PAGE.limit, maximum: 200, default: 20 },
  cursor: { ...UUID, description: PAGE.cursor.description },
});

const SHARED = { method: 'GET', role: 'viewer', tag: 'Runs' } as const;

/** History, logs and figures of a job's runs. */
export function executionRoutes(context: ApiContext): ApiRoute[] {
  const { store, door } = context;
  return [
    {
      ...SHARED,
      ...{ path: '/jobs/:id/executions', operation: 'listExecutions', summary: 'Runs of a job, newest first' },
      params: JOB_PARAMS,
      query: PAGED,
      answers: {
        200: answer(
          'Runs with their attempts and streams.',
          object({ job_id: text(), executions: list(EXECUTION), next_cursor: NEXT }),
        ),
      },
      handle: async (call: Call<{ id: string }, { limit: number; cursor?: string; status?: RunState }>) => {
        const row = await jobFor(context, call, 'view');
        const { limit, cursor, status } = call.query;
        const more = { ...(cursor === undefined ? {} : { before: cursor }), ...(status ? { states: [status] } : {}) };
        const found = await store.listRuns({ ...door.key, job: row.job, limit, ...more });
        const details = await Promise.all(found.map(({ id }) => store.findRun(id)));
        const executions = details.filter((one) => one !== null).map(executionOf);
        return { job_id: row.id, executions, next_cursor: found.length === limit ? (found.at(-1)?.id ?? null) : null };
      },
    },
    {
      ...SHARED,
      ...{ path: '/jobs/:id/executions/:execution', operation: 'getExecution', summary: 'A run of a job' },
      params: input({ ...(JOB_PARAMS.properties as object), execution: UUID }, ['id', 'execution']),
      answers: { 200: answer('The run.', EXECUTION) },
      handle: async (call: Call<{ id: string; execution: string }>) =>
        executionOf(await runOf(context, await jobFor(context, call, 'view'), call.params.execution)),
    },
    ...runRoutes(context),
    ...logRoutes(context),
  ];
}

/** Runs of whatever job. */
function runRoutes(context: ApiContext): ApiRoute[] {
  const { store, door } = context;
  return [
    {
      ...SHARED,
      ...{ path: '/executions', operation: 'listAllExecutions', summary: 'Runs of every job, newest first' },
      query: PAGED,
      answers: {
        200: answer('Those of jobs that one may see.', object({ executions: list(EXECUTION), next_cursor: NEXT })),
      },
      handle: (call) => allExecutions(context, call),
    },
    {
      ...SHARED,
      ...{ path: '/executions/:execution', operation: 'findExecution', summary: 'A run, of whatever job' },
      params: input({ execution: UUID }, ['execution']),
      answers: { 200: answer('The run.', EXECUTION) },
      handle: async ({ params, who }: Call<{ execution: string }>) => {
        const run = await store.findRun(params.execution.toLowerCase());
        const isOurs = run !== null && run.project === door.name && run.target === door.target;
        if (isOurs && (await maySee(context, run.job, who))) return executionOf(run);
        throw new Problem(404, 'run/unknown', `There is no run ${params.execution}`);
      },
    },
  ];
}

function logRoutes(context: ApiContext): ApiRoute[] {
  return [
    {
      ...SHARED,
      ...{ path: '/jobs/:id/logs', operation: 'getLogs', summary: 'Lines of a run’s log' },
      description:
        'Of the run `execution`, else of the newest one. `end` is there once the run is over and all of its lines were given.',
      params: JOB_PARAMS,
      query: input({
        level: LEVEL,
        limit: { ...PAGE.limit, maximum: 10_000, default: 1000 },
        execution: UUID,
        after: { type: 'string', pattern: '^\\d{1,18}$', description: '`seq` of the last line that was seen.' },
      }),
      answers: {
        200: answer(
          'In order.',
          object({ job_id: text(), execution_id: optional(UUID), logs: list(LOG_LINE), end: END }),
        ),
      },
      handle: (call) => logs(context, call),
    },
    {
      ...SHARED,
      ...{ path: '/jobs/:id/metrics', operation: 'getMetrics', summary: 'Figures of the newest run' },
      description: 'All are measured; null: there is no such figure.',
      params: JOB_PARAMS,
      query: input({ execution: UUID }),
      answers: { 200: answer('Figures.', METRICS) },
      handle: (call) => metrics(context, call),
    },
  ];
}

const count = (description: string) => optional(whole(description));
const share = (description: string) => ({ type: ['number', 'null'], description });

export const FIGURES = object({
  records_processed: count('Rows read.'),
  records_failed: count('Rows rejected.'),
  throughput_rps: share('Rows a second: now, or over the whole run once it is over.'),
  bytes_processed: count('Bytes read.'),
  active_workers: count('Tasks at work.'),
  cpu_utilization: share('Percent of one core; 200: two are busy.'),
  memory_utilization: share('Percent of the run’s memory.'),
  photon_acceleration: { type: ['boolean', 'null'], description: 'There is no such figure here.' },
  cache_hit_rate: share('There is no such figure here.'),
  shuffle_bytes: count('There is no such figure here.'),
  memory_bytes: count('Memory of the executor.'),
  spill_bytes: count('Bytes that its spool holds on disk.'),
});

const METRICS = object({
  job_id: text(),
  execution_id: optional(UUID),
  status: any('Of the run; null: there was none.'),
  metrics: FIGURES,
  timestamp: optional(time('When it was measured.')),
});

interface Paged {
  limit: number;
  cursor?: string;
  status?: RunState;
}

async function allExecutions(context: ApiContext, { query, who }: Call<object, Paged>): Promise<object> {
  const { store, door } = context;
  const { limit, cursor, status } = query;
  const more = { ...(cursor === undefined ? {} : { before: cursor }), ...(status ? { states: [status] } : {}) };
  const found = await store.listRuns({ ...door.key, limit, ...more });
  const jobs = [...new Set(found.map(({ job }) => job))];
  const seen = new Set(
    (await Promise.all(jobs.map(async (job) => ((await maySee(context, job, who)) ? [job] : [])))).flat(),
  );
  const details = await Promise.all(found.filter(({ job }) => seen.has(job)).map(({ id }) => store.findRun(id)));
  const executions = details.filter((one) => one !== null).map(executionOf);
  return { executions, next_cursor: found.length === limit ? (found.at(-1)?.id ?? null) : null };
}

/** A job that is gone had a file and tags that nobody knows any more: its runs are for those whom no rule narrows. */
async function maySee({ store, door }: ApiContext, job: string, who: Identity): Promise<boolean> {
  const { access } = await door.settings();
  const row = await store.jobs.find(door.key, job);
  if (row === null) return who.role === 'admin' || access.rules.every(({ view }) => view === null);
  return rightsTo(access, { file: row.file, tags: row.definition.tags }, who).view;
}

/** A run of a job by its id, or the newest one. Throws 404. */
export async function runOf(
  { store, door }: ApiContext,
  row: { job: string },
  execution: string | undefined,
): Promise<RunDetail> {
  const [newest] = execution === undefined ? await store.runs({ ...door.key, job: row.job }, 1) : [];
  const id = execution?.toLowerCase() ?? newest?.id;
  const found = id === undefined ? null : await store.findRun(id);
  if (found && found.job === row.job && found.project === door.name && found.target === door.target) return found;
  throw new Problem(
    404,
    'run/unknown',
    id === undefined ? `${row.job} has not run yet` : `${row.job} has no run ${id}`,
    {
      hint: 'GET /api/v1/jobs/{id}/executions lists them.',
    },
  );
}

async function runOrNone(
  context: ApiContext,
  row: { job: string },
  execution: string | undefined,
): Promise<RunDetail | null> {
  return runOf(context, row, execution).catch((error: unknown) => {
    if (error instanceof Problem && execution === undefined) return null;
    throw error;
  });
}

async function logs(
  context: ApiContext,
  call: Call<{ id: string }, { level?: string; limit: number; execution?: string; after?: string }>,
): Promise<object> {
  const row = await jobFor(context, call, 'view');
  const { level, limit, execution, after } = call.query;
  const run = await runOrNone(context, row, execution);
  if (!run) return { job_id: row.id, execution_id: null, logs: [], end: null };
  const options = { limit, ...(level ? { level: level.toLowerCase() as LogLevel } : {}), ...(after ? { after } : {}) };
  const lines = await context.store.readLogs(run.id, options);
  const isOver = ENDED.has(run.state) && lines.length < limit;
  const end = isOver ? { end: true, execution_id: run.id, status: run.state } : null;
  return { job_id: row.id, execution_id: run.id, logs: lines.map(lineOf), end };
}

export function lineOf({ seq, at, level, message, fields }: LogRow): object {
  return { seq: String(seq), timestamp: at, level: level.toUpperCase(), message, fields };
}

async function metrics(context: ApiContext, call: Call<{ id: string }, { execution?: string }>): Promise<object> {
  const row = await jobFor(context, call, 'view');
  const run = await runOrNone(context, row, call.query.execution);
  const latest = run ? await context.store.metrics.latest(run.id) : null;
  return {
    ...{ job_id: row.id, execution_id: run?.id ?? null, status: run?.state ?? null },
    metrics: figuresOf(latest, run),
    timestamp: latest?.at ?? run?.finished_at ?? null,
  };
}

type Measured = Awaited<ReturnType<ApiContext['store']['metrics']['latest']>>;

/** Once a run is over its counts are the truth, and nothing of it is at work. */
export function figuresOf(latest: Measured, run: RunRow | null): object {
  const counts = run && ENDED.has(run.state) ? run.counts : null;
  const isOver = run !== null && ENDED.has(run.state);
  const { memory_bytes = null, memory_limit_bytes = null, cpu = null } = latest ?? {};
  return {
    records_processed: counts?.rows_read ?? latest?.rows_read ?? null,
    records_failed: counts?.rows_rejected ?? latest?.rows_rejected ?? null,
    throughput_rps: isOver ? overall(run) : (latest?.rows_per_second ?? null),
    bytes_processed: counts?.bytes_read ?? latest?.bytes_read ?? null,
    active_workers: isOver ? 0 : (latest?.tasks_active ?? null),
    cpu_utilization: isOver || cpu === null ? null : cpu * PERCENT,
    memory_utilization:
      isOver || memory_bytes === null || !memory_limit_bytes ? null : (memory_bytes / memory_limit_bytes) * PERCENT,
    ...{ photon_acceleration: null, cache_hit_rate: null, shuffle_bytes: null },
    memory_bytes: isOver ? null : memory_bytes,
    spill_bytes: isOver ? null : (latest?.spill_bytes ?? null),
  };
}

function overall({ counts, started_at, finished_at }: RunRow): number | null {
  if (!counts || started_at === null || finished_at === null) return null;
  const seconds = (Date.parse(finished_at) - Date.parse(started_at)) / 1000;
  return seconds > 0 ? counts.rows_read / seconds : null;
}

function executionOf(run: RunDetail): object {
  const { id, job, state, kind, attempt, counts, error, git_revision, due_at, window_start, window_end, host } = run;
  return {
    ...{ execution_id: id, job_name: job, status: state, kind, attempt, counts, error, git_revision, due_at, host },
    ...{
      window_start,
      window_end,
      created_at: run.created_at,
      started_at: run.started_at,
      finished_at: run.finished_at,
    },
    ...{ requested_by: run.requested_by, reason: run.reason, waiting_for: run.waiting_for, attempts: run.attempts },
    streams: run.streams.map(({ state: status, ...stream }) => ({ ...stream, status })),
  };
}
