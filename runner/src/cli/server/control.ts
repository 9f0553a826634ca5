import { SluiceError } from '@sluice/core';
import type { LogLevel, RunState } from '../../store/types.ts';
import { exitOf, logLine, type Stopped } from '../control.ts';
import { EXIT } from '../exit.ts';
import { type CommonOptions, outputOf } from '../options.ts';
import { listenForInterrupt } from '../signals.ts';
import { type Cell, renderList } from '../table.ts';
import { plural, print, styleFor, tell } from '../terminal.ts';
import type { Server } from './client.ts';

/** What commands on jobs and runs do where a daemon elsewhere is asked. */

interface Execution {
  execution_id: string;
  job_name: string;
  kind: string;
  status: RunState;
  due_at: string | null;
  window_start: string | null;
  started_at: string | null;
  finished_at: string | null;
  counts: { rows_written: number } | null;
  error: { message: string } | null;
  reason: string | null;
  waiting_for: string | null;
}

interface Job {
  job_name: string;
  enabled: boolean;
  status: string;
  next_run: string | null;
  problem: string | null;
  last_execution: { status: string; created_at: string } | null;
}

interface Line {
  seq: string;
  timestamp: string;
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

const RUN = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const PAGE = 1000;

/** Gives the ids of the runs that were put into the queue. */
export async function start(
  server: Server,
  wanted: string,
  options: { fullRefresh?: boolean; reason?: string },
): Promise<string[]> {
  const { path, stream } = jobPath(wanted);
  const body = { stream, full_refresh: options.fullRefresh === true, reason: options.reason ?? null };
  return (await server.ask<{ executions: string[] }>(`${path}/start`, { method: 'POST', body })).executions;
}

/** Writes the log of a job's run as it comes and gives the exit status by what became of it. */
export function followRun(
  server: Server,
  job: string,
  run: string,
  how: { level: LogLevel; json: boolean },
): Promise<number> {
  return follow(server, jobPath(job).path, run, how);
}

/** Asks for the end of a job's runs, or of one. Throws `run/none`. */
export async function stop(server: Server, wanted: string, { hard = false }: { hard?: boolean }): Promise<Stopped[]> {
  const run = RUN.test(wanted) ? await server.ask<Execution>(`/executions/${wanted}`) : null;
  const { path } = jobPath(run?.job_name ?? wanted);
  const body = { ...(run ? { execution: run.execution_id } : {}), hard };
  const found = await server.ask<{ executions: { execution_id: string; status: string }[] }>(`${path}/stop`, {
    method: 'POST',
    body,
  });
  return found.executions.map(({ execution_id, status }) => ({ run: execution_id, state: status }));
}

/** Gives the job's name. */
export async function pause(
  server: Server,
  wanted: string,
  how: { reason: string; until: string | null },
): Promise<string> {
  const { path, name } = jobPath(wanted);
  await server.ask(`${path}/pause`, { method: 'POST', body: how });
  return name;
}

/** false: it was not paused. */
export async function resume(server: Server, wanted: string): Promise<boolean> {
  return server.ask(`${jobPath(wanted).path}/resume`, { method: 'POST' }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof SluiceError && error.code === 'job/not-paused') return false;
      throw error;
    },
  );
}

export async function backfill(
  server: Server,
  wanted: string,
  options: CommonOptions & { from: string; to: string; force?: boolean },
): Promise<void> {
  const { path, stream } = jobPath(wanted);
  const body = { from: options.from, to: options.to, force: options.force === true, stream };
  const made = await server.ask<{ backfill_id: string; executions: string[]; passed_over: number; left_out: number }>(
    `${path}/backfill`,
    { method: 'POST', body },
  );
  const { backfill_id, executions, passed_over, left_out } = made;
  if (outputOf(options) === 'json')
    print(
      JSON.stringify({
        job: jobPath(wanted).name,
        backfill: backfill_id,
        runs: executions,
        passedOver: passed_over,
        leftOut: left_out,
      }),
    );
  else print(`${wanted}: backfill ${backfill_id}, ${plural(executions.length, 'run')} in the queue of the daemon`);
  if (options.quiet) return;
  if (passed_over > 0) tell(`${plural(passed_over, 'window')} passed over: finished (--force loads them again)`);
  if (left_out > 0) tell(`${plural(left_out, 'window')} left out: not over yet`);
}

export async function runs(
  server: Server,
  wanted: string | undefined,
  options: CommonOptions & { limit: number },
  columns: readonly string[],
): Promise<void> {
  const path = wanted === undefined ? '' : jobPath(wanted).path;
  const query = { limit: Math.min(options.limit, 200) };
  const { executions } = await server.ask<{ executions: Execution[] }>(`${path}/executions`, { query });
  const rows = executions.map((run): Cell[] => [
    ...[
      run.execution_id,
      run.job_name,
      run.kind,
      run.status,
      run.due_at,
      run.window_start,
      run.started_at,
      run.finished_at,
    ],
    run.counts ? String(run.counts.rows_written) : null,
    run.waiting_for === null ? (run.error?.message ?? run.reason) : `waits for ${run.waiting_for}`,
  ]);
  write(columns, rows, options);
}

export async function list(server: Server, options: CommonOptions): Promise<void> {
  const rows: Cell[][] = [];
  let cursor: string | undefined;
  do {
    const page: { jobs: Job[]; next_cursor: string | null } = await server.ask('/jobs', {
      query: { limit: PAGE, cursor },
    });
    for (const { job_name, enabled, status, next_run, problem, last_execution: last } of page.jobs)
      rows.push([job_name, enabled, status, next_run, last?.created_at ?? null, last?.status ?? null, problem]);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  write(['job', 'enabled', 'status', 'next', 'last_run', 'state', 'problem'], rows, options);
}

export async function logs(
  server: Server,
  wanted: string,
  options: CommonOptions & { follow?: boolean; level: LogLevel },
): Promise<void> {
  const run = RUN.test(wanted) ? await server.ask<Execution>(`/executions/${wanted}`) : null;
  const { path } = jobPath(run?.job_name ?? wanted);
  const how = { level: options.level, json: outputOf(options) === 'json' };
  if (options.follow === true) {
    process.exitCode = await follow(server, path, run?.execution_id, how);
    return;
  }
  for (let after: string | undefined; ; ) {
    const query = { level: options.level, limit: PAGE, after, execution: run?.execution_id };
    const { logs: lines } = await server.ask<{ logs: Line[] }>(`${path}/logs`, { query });
    for (const line of lines) writeLine(line, how.json);
    after = lines.at(-1)?.seq;
    if (after === undefined || lines.length < PAGE) return;
  }
}

/** Writes a run's log as it comes and gives the exit status by what became of the run. */
async function follow(
  server: Server,
  path: string,
  execution: string | undefined,
  { level, json }: { level: LogLevel; json: boolean },
): Promise<number> {
  const interrupt = listenForInterrupt();
  try {
    for await (const { type, data } of server.events(`${path}/logs/stream`, { execution, level }, interrupt.signal)) {
      if (type === 'end') return exitOf(data.status as RunState);
      writeLine(data as unknown as Line, json);
    }
    if (interrupt.signal.aborted) return EXIT.interrupted;
    throw new SluiceError('server/unreachable', 'transient', `The connection to ${server.url} ended before the run`, {
      hint: 'The run goes on there: `sluice logs -f` shows the rest.',
    });
  } finally {
    interrupt.dispose();
  }
}

function writeLine({ seq, timestamp: at, level: upper, message, fields }: Line, json: boolean): void {
  const level = upper.toLowerCase() as LogLevel;
  print(
    json
      ? JSON.stringify({ seq, at, level, message, fields })
      : logLine({ at, level, message, fields }, styleFor(process.stdout)),
  );
}

function write(names: readonly string[], rows: Cell[][], options: CommonOptions): void {
  print(renderList(names, rows, outputOf(options), styleFor(process.stdout)));
}

/** NAME or NAME/STREAM. */
function jobPath(wanted: string): { path: string; name: string; stream: string | null } {
  const [name = '', stream = null] = wanted.split('/', 2);
  return { path: `/jobs/${encodeURIComponent(name)}`, name, stream };
}
