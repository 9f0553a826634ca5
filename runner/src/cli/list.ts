import { nextFire } from '@sluice/core';
import type { Command } from 'commander';
import type { JobSummary } from '../store/jobs.ts';
import { openStateStore } from '../store/store.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { openTarget } from './planned.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { type Cell, ROW_FORMS, renderList } from './table.ts';
import { print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

const MOST = 1_000_000;
const COLUMNS = ['job', 'enabled', 'status', 'schedule', 'next', 'last_run', 'state', 'problem'] as const;

export function define(command: Command): void {
  withServer(withCommon(command, ROW_FORMS)).action(list);
}

/** The jobs that are applied: what a daemon runs, whatever the files say meanwhile. */
async function list(options: CommonOptions & ServerOptions): Promise<void> {
  const server = serverOf(options);
  if (server) return (await import('./server/control.ts')).list(server, options);
  const project = await openTarget(options);
  const store = await openStateStore({ projectDir: project.dir, stateStore: stateStoreOf(project) });
  try {
    const target = project.scope.target ?? 'default';
    const jobs = await store.jobs.summaries({ project: project.project.name, target, limit: MOST });
    const rows = jobs.map((job) => rowOf(job, Date.now()));
    print(renderList(COLUMNS, rows, outputOf(options), styleFor(process.stdout)));
    if (jobs.length === 0 && options.quiet !== true) tell('Nothing is applied yet: `sluice apply` does it.');
  } finally {
    await store.close();
  }
}

function rowOf({ job, definition, status, problem, last_run, pause }: JobSummary, now: number): Cell[] {
  const { enabled, schedule } = definition;
  const cron = schedule ? `${schedule.cron} ${schedule.timezone}` : null;
  const next = pause ? null : nextFire(definition, now);
  const at = next === null ? null : new Date(next).toISOString();
  return [job, enabled, status, cron, at, last_run?.created_at ?? null, last_run?.state ?? null, problem];
}
