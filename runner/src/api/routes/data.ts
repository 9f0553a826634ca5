import { ask } from '../../executor/ask.ts';
import type { CheckpointRow } from '../../store/types.ts';
import type { ApiContext } from '../context.ts';
import { jobFor } from '../job-view.ts';
import { Problem } from '../problems.ts';
import { enqueue, lookAt, requireStream } from '../requests.ts';
import type { ApiRoute, Call } from '../route.ts';
import { answer, any, flag, input, JOB_PARAMS, list, map, object, optional, text, time, whole } from '../schemas.ts';
import { columnOf } from './sources.ts';

type JobCall<Query = object, Body = undefined> = Call<{ id: string }, Query, Body>;

const STREAM = { type: 'string', maxLength: 200, description: 'One stream of the job.' };
const UUID = { type: 'string', format: 'uuid' };
const ARROW = 'application/vnd.apache.arrow.stream';

const CHECKPOINT = object({
  ...{ seq: whole('Number of the commit.'), committed_at: time(), commit_id: text(), execution_id: text() },
  ...{
    checkpoint: map('Where the next run begins.'),
    rows_written: optional(whole()),
    note: optional(text('Why, where no rows were.')),
  },
});

const GROUP = object({
  ...{
    code: text(),
    reason: text(),
    rows: whole(),
    replayed: whole(),
    withheld: whole('Not kept, because a column is masked.'),
  },
  ...{ first_at: text(), last_at: text() },
});

const ROW = object({
  ...{ execution_id: text(), code: text(), reason: text(), path: optional(text()), row_number: optional(whole()) },
  ...{ byte_offset: optional(whole()), row: optional(text('As it was read; null: it was not kept.')) },
  ...{ quarantined_at: text(), replayed_by: optional(text()) },
});

/** Rows of a job: its preview, its checkpoints, and what was set aside. What wants the engine is asked of a child process. */
export function dataRoutes(context: ApiContext): ApiRoute[] {
  return [
    {
      ...{ method: 'GET', path: '/jobs/:id/preview', role: 'operator', tag: 'Data', operation: 'previewJob' },
      summary: 'The first rows of a job, as they would be written',
      description: `JSON, or an Arrow stream where \`Accept\` names ${ARROW}. Nothing is written; masked columns are masked.`,
      params: JOB_PARAMS,
      query: input({ rows: { type: 'integer', minimum: 1, maximum: 10_000, default: 20 }, stream: STREAM }),
      answers: {
        200: {
          ...answer(
            'Rows with their columns.',
            object({
              columns: list(object({ name: text(), type: text() })),
              rows: list(
                list(any('A value; decimals, and integers beyond 2^53, are texts, so that no digit is lost.')),
              ),
              rejected: whole('Rows that would be rejected.'),
              notes: list(text(), 'What was found out, and warnings.'),
            }),
          ),
          content: { [ARROW]: { schema: { type: 'string', format: 'binary' } } },
        },
      },
      handle: (call) => preview(context, call),
    },
    ...checkpointRoutes(context),
    ...quarantineRoutes(context),
  ];
}

function checkpointRoutes(context: ApiContext): ApiRoute[] {
  return [
    {
      ...{ method: 'GET', path: '/jobs/:id/checkpoints', role: 'viewer', tag: 'State', operation: 'listCheckpoints' },
      summary: 'Commits of a job with their checkpoints, newest first',
      params: JOB_PARAMS,
      query: input({ stream: STREAM, limit: { type: 'integer', minimum: 1, maximum: 1000, default: 20 } }),
      answers: {
        200: answer(
          'By stream.',
          object({ job_id: text(), streams: list(object({ stream: text(), checkpoints: list(CHECKPOINT) })) }),
        ),
      },
      handle: (call) => checkpoints(context, call),
    },
    {
      ...{ method: 'POST', path: '/jobs/:id/checkpoints/restore', role: 'admin', audit: 'job.restore', tag: 'State' },
      operation: 'restoreCheckpoint',
      summary: 'Go back to a commit, so that the next run loads again what came after it',
      description: 'A commit without rows, recorded as a run; the table stays as it is. 409 while the job runs.',
      params: JOB_PARAMS,
      body: input(
        {
          to: { type: ['integer', 'null'], minimum: 1, description: '`seq` of a commit; null: to nothing loaded.' },
          stream: STREAM,
        },
        ['to'],
      ),
      answers: {
        200: answer(
          'Set back.',
          object({
            job_id: text(),
            streams: list(object({ stream: text(), seq: whole(), checkpoint: map('From here the next run goes on.') })),
          }),
        ),
      },
      handle: (call) => restore(context, call),
    },
  ];
}

function quarantineRoutes(context: ApiContext): ApiRoute[] {
  return [
    {
      ...{ method: 'GET', path: '/jobs/:id/quarantine', role: 'operator', tag: 'Data', operation: 'listQuarantine' },
      summary: 'Rows that were set aside',
      params: JOB_PARAMS,
      query: input({
        stream: STREAM,
        code: { type: 'string', maxLength: 200, description: 'Rows of this code alone.' },
        all: { ...flag('Those that were replayed as well.'), default: false },
        limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
      }),
      answers: {
        200: answer(
          'By stream: counts by reason, and rows.',
          object({ job_id: text(), streams: list(object({ stream: text(), groups: list(GROUP), rows: list(ROW) })) }),
        ),
      },
      handle: (call) => quarantine(context, call),
    },
    {
      ...{ method: 'POST', path: '/jobs/:id/quarantine/replay', role: 'operator', audit: 'job.replay', tag: 'Data' },
      operation: 'replayQuarantine',
      summary: 'Run rows again that were set aside, each once',
      params: JOB_PARAMS,
      body: { type: ['object', 'null'], properties: { stream: STREAM }, additionalProperties: false },
      answers: { 202: answer('Queued.', object({ job_id: text(), executions: list(UUID) })) },
      handle: (call) => replay(context, call),
    },
  ];
}

async function preview(context: ApiContext, call: JobCall<{ rows: number; stream?: string }>): Promise<object> {
  const row = await jobFor(context, call, 'run');
  const { rows, stream = null } = call.query;
  const isArrow = (call.request.headers.accept ?? '').includes(ARROW);
  const look = await lookAt(context, row, stream);
  const found = await ask(
    'preview',
    { ...look, rows, profile: false, ...(isArrow ? { bytesAs: 'arrow' } : {}) },
    call.signal,
  );
  if (isArrow) return call.reply.type(ARROW).send(Buffer.from(found.bytes ?? []));
  const { columns, rejected, notes } = found;
  const body = { columns: columns.map(columnOf), rows: found.rows, rejected, notes };
  return call.reply.type('application/json').serializer(JSON.stringify).send(body);
}

async function checkpoints(context: ApiContext, call: JobCall<{ stream?: string; limit: number }>): Promise<object> {
  const { store, door } = context;
  const row = await jobFor(context, call, 'view');
  const { stream, limit } = call.query;
  const states = await store.streamStates({ ...door.key, job: row.job });
  const wanted = states.filter((one) => stream === undefined || one.stream === stream);
  if (wanted.length === 0) requireStream(row, stream ?? null);
  const streams = await Promise.all(
    wanted.map(async ({ stream: name }) => ({
      stream: name,
      checkpoints: (await store.checkpoints({ ...door.key, job: row.job, stream: name }, limit)).map(checkpointOf),
    })),
  );
  return { job_id: row.id, streams };
}

function checkpointOf({ seq, committed_at, commit_id, run, checkpoint, counts, note }: CheckpointRow): object {
  const rows_written = counts?.rows_written ?? null;
  return { seq: Number(seq), committed_at, commit_id, execution_id: run, checkpoint, rows_written, note };
}

async function restore(
  context: ApiContext,
  call: JobCall<object, { to: number | null; stream?: string }>,
): Promise<object> {
  const row = await jobFor(context, call, 'edit');
  const { to, stream = null } = call.body;
  call.audited({ subject: row.job, detail: { to, stream } });
  if (to !== null && stream === null && row.definition.streams.length > 1) {
    throw new Problem(422, 'state/stream', `${row.job} has several streams, each with commits of its own: name one`);
  }
  const streams = await ask('rewind', { ...(await lookAt(context, row, stream)), to }, call.signal);
  return {
    job_id: row.id,
    streams: streams.map(({ stream: name, seq, checkpoint }) => ({ stream: name, seq: Number(seq), checkpoint })),
  };
}

async function quarantine(
  context: ApiContext,
  call: JobCall<{ stream?: string; code?: string; all: boolean; limit: number }>,
): Promise<object> {
  const row = await jobFor(context, call, 'run');
  const { stream = null, code = null, all, limit } = call.query;
  const found = await ask('quarantine', { ...(await lookAt(context, row, stream)), code, all, limit }, call.signal);
  const streams = found.map(({ rows, ...one }) => ({
    ...one,
    rows: rows.map(({ run_id, ...rest }) => ({ execution_id: run_id, ...rest })),
  }));
  return { job_id: row.id, streams };
}

async function replay(context: ApiContext, call: JobCall<object, { stream?: string } | null>): Promise<object> {
  const { store, door } = context;
  const row = await jobFor(context, call, 'run');
  const stream = call.body?.stream ?? null;
  call.audited({ subject: row.job, detail: { stream } });
  const [alive] = await store.queue.alive({ ...door.key, job: row.job });
  if (alive)
    throw new Problem(409, 'run/busy', `${row.job} is running: execution ${alive.id}`, {
      where: { job: row.job, run: alive.id },
    });
  const entries = await ask('replay_entries', await lookAt(context, row, stream), call.signal);
  const executions: string[] = [];
  for (const entry of entries) {
    const options = { ...(stream === null ? {} : { stream }), replay: entry as never };
    const wanted = { row, kind: 'replay', by: call.who.name, reason: null, options, windows: null } as const;
    executions.push(...(await enqueue(context, wanted)));
  }
  if (executions.length > 0) return call.reply.code(202).send({ job_id: row.id, executions });
  throw new Problem(409, 'quarantine/empty', `${row.job} has no row that can be replayed`, { where: { job: row.job } });
}
