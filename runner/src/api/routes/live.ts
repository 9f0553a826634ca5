import type { EndMarker } from '../../store/follow.ts';
import type { LogLevel, RunDetail } from '../../store/types.ts';
import type { ApiContext } from '../context.ts';
import { jobFor } from '../job-view.ts';
import { type LiveEvent, resumeFrom, sendEvents, sendMessages } from '../live.ts';
import { Problem } from '../problems.ts';
import type { ApiRoute, Call } from '../route.ts';
import { answer, input, JOB_PARAMS, text } from '../schemas.ts';
import { figuresOf, LEVEL, lineOf, runOf } from './executions.ts';

type LiveCall = Omit<Call<{ id: string }, { execution?: string; level?: string; after?: string }>, 'reply'>;

const UUID = { type: 'string', format: 'uuid' };
const AFTER = {
  type: 'string',
  maxLength: 100,
  description: 'Id of the last event that was seen; the header Last-Event-ID wins over it.',
};
const DESCRIPTION =
  'Server-sent events, or the same over a WebSocket as texts of JSON with `id`, `type` and the fields of `data`. A reader that was cut off goes on behind the last id that it saw.';

/** Live: lines, figures and what happens, until the run is over or the reader leaves. */
export function liveRoutes(context: ApiContext): ApiRoute[] {
  return [
    live(context, {
      ...{ path: '/jobs/:id/logs/stream', operation: 'followLogs', summary: 'Lines of a run’s log as they come' },
      description: `${DESCRIPTION} Of the run \`execution\`, else of the newest one. The last event is of type \`end\`.`,
      query: input({ execution: UUID, level: LEVEL, after: AFTER }),
      events: followLogs,
    }),
    live(context, {
      ...{
        path: '/jobs/:id/metrics/stream',
        operation: 'followMetrics',
        summary: 'Figures of a run as they are measured',
      },
      description: `${DESCRIPTION} The last event is of type \`end\`.`,
      query: input({ execution: UUID, after: AFTER }),
      events: followMetrics,
    }),
    live(context, {
      ...{ path: '/jobs/:id/events', operation: 'followEvents', summary: 'What happens to a job' },
      description: `${DESCRIPTION} Runs that change their state, pauses. It does not end by itself.`,
      query: input({ after: { ...AFTER, pattern: '^\\d{1,20}\\.\\d{1,19}$' } }),
      events: followEvents,
    }),
  ];
}

interface Live {
  path: string;
  operation: string;
  summary: string;
  description: string;
  query: ApiRoute['query'] & object;
  events(context: ApiContext, call: LiveCall): Promise<AsyncIterable<LiveEvent>>;
}

function live(context: ApiContext, { events, ...route }: Live): ApiRoute {
  return {
    ...{ method: 'GET', role: 'viewer', tag: 'Live', params: JOB_PARAMS, ...route },
    answers: { 200: { ...answer('Events as they come.'), content: { 'text/event-stream': { schema: text() } } } },
    handle: async (call: Call<{ id: string }, { after?: string }>) => {
      // What is wrong is answered before the stream begins.
      const found = await events(context, call);
      await sendEvents(call, found);
      return call.reply;
    },
    socket: async (call: LiveCall, socket) => sendMessages(socket, await events(context, call), call.signal),
  };
}

async function followLogs(context: ApiContext, call: LiveCall): Promise<AsyncIterable<LiveEvent>> {
  const { run, after } = await runToFollow(context, call);
  const level = call.query.level?.toLowerCase() as LogLevel | undefined;
  const options = { ...(level ? { level } : {}), ...(after === undefined ? {} : { after }) };
  const rows = context.store.followLogs(run.id, options, call.signal);
  return eventsOf(run, rows, (row) => ({ id: `${run.id}/${row.seq}`, type: 'log', data: lineOf(row) }));
}

async function followMetrics(context: ApiContext, call: LiveCall): Promise<AsyncIterable<LiveEvent>> {
  const { run, after } = await runToFollow(context, call);
  const rows = context.store.followMetrics(run.id, after === undefined ? {} : { after }, call.signal);
  return eventsOf(run, rows, (row) => ({
    ...{ id: `${run.id}/${row.seq}`, type: 'metrics' },
    data: { execution_id: run.id, timestamp: row.at, metrics: figuresOf(row, null) },
  }));
}

async function followEvents(
  { store, door, ...context }: ApiContext,
  call: LiveCall,
): Promise<AsyncIterable<LiveEvent>> {
  const { job } = await jobFor({ store, door, ...context }, call, 'view');
  const after = resumeFrom(call);
  if (after !== undefined && !/^\d{1,20}\.\d{1,19}$/.test(after)) throw badId(after);
  const rows = store.followEvents({ ...door.key, job, ...(after === undefined ? {} : { after }) }, call.signal);
  return (async function* () {
    for await (const { cursor, at, run, type, data } of rows)
      yield { id: cursor, type, data: { timestamp: at, job_name: job, execution_id: run, ...data } };
  })();
}

/** The run that a reader means: that of the last event that it saw, else the one that it names, else the newest. */
async function runToFollow(context: ApiContext, call: LiveCall): Promise<{ run: RunDetail; after?: string }> {
  const row = await jobFor(context, call, 'view');
  const from = resumeFrom(call);
  if (from === undefined) return { run: await runOf(context, row, call.query.execution) };
  const found = /^(?:([0-9a-f-]{36})\/)?(\d{1,18}|end)$/i.exec(from);
  if (!found) throw badId(from);
  const [, execution, seq = '0'] = found;
  const run = await runOf(context, row, execution ?? call.query.execution);
  return { run, after: seq === 'end' ? LAST : seq };
}

/** Behind every line. */
const LAST = '999999999999999999';

function badId(id: string): Problem {
  return new Problem(422, 'api/request', `${id} is no id of an event of this stream`);
}

async function* eventsOf<Row extends { seq: string }>(
  run: RunDetail,
  rows: AsyncIterable<Row | EndMarker>,
  event: (row: Row) => LiveEvent,
): AsyncGenerator<LiveEvent> {
  for await (const row of rows) {
    if ('end' in row)
      yield { id: `${run.id}/end`, type: 'end', data: { end: true, execution_id: run.id, status: row.state } };
    else yield event(row);
  }
}
