import type { Command } from 'commander';
import type { RunRow } from '../store/types.ts';
import { appliedJob, withControl } from './control.ts';
import { type CommonOptions, outputOf, positive, withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { type Cell, ROW_FORMS, renderList } from './table.ts';
import { print, styleFor } from './terminal.ts';

interface RunsOptions extends CommonOptions, ServerOptions {
  limit: number;
}

const COLUMNS = ['run', 'job', 'kind', 'state', 'due', 'window', 'started', 'ended', 'rows', 'note'] as const;

export function define(command: Command): void {
  withServer(withCommon(command, ROW_FORMS))
    .argument('[job]', 'the job’s NAME (default: all)')
    .option('-n, --limit <number>', 'how many, the newest first', positive('-n'), 20)
    .action(runs);
}

function runs(name: string | undefined, options: RunsOptions): Promise<void> {
  const server = serverOf(options);
  if (server) return import('./server/control.ts').then((there) => there.runs(server, name, options, COLUMNS));
  return withControl(options, async (control) => {
    const { store, key } = control;
    const found = await store.listRuns({ ...key, ...(name === undefined ? {} : { job: name }), limit: options.limit });
    if (name !== undefined && found.length === 0) await appliedJob(control, name);
    print(renderList(COLUMNS, found.map(rowOf), outputOf(options), styleFor(process.stdout)));
  });
}

function rowOf(run: RunRow): Cell[] {
  const note = run.waiting_for === null ? (run.error?.message ?? run.reason) : `waits for ${run.waiting_for}`;
  const rows = run.counts ? String(run.counts.rows_written) : null;
  return [
    run.id,
    run.job,
    run.kind,
    run.state,
    run.due_at,
    run.window_start,
    run.started_at,
    run.finished_at,
    rows,
    note,
  ];
}
