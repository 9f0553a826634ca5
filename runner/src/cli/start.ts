import { SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { alone, enqueue, requireStream, windowsNow } from '../api/requests.ts';
import { appliedJob, asker, type Control, followRun, tellUnserved, withControl } from './control.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { listenForInterrupt } from './signals.ts';
import { print, tell } from './terminal.ts';

interface StartOptions extends CommonOptions, ServerOptions {
  fullRefresh?: boolean;
  reason?: string;
  follow?: boolean;
}

const HELP = `
The run goes into the queue, from which a daemon takes it. While a run of the job is alive its schedule.overlap_policy decides: refused
under skip, behind it under queue, and under cancel the other one is stopped.`;

export function define(command: Command): void {
  withServer(withCommon(command, ['text', 'json']))
    .argument('<job>', 'the job’s NAME or NAME/STREAM')
    .option('--full-refresh', 'load everything anew')
    .option('--reason <text>', 'why, for the history')
    .option('-f, --follow', 'write its log until it is over, and exit as it does')
    .addHelpText('after', HELP)
    .action(start);
}

function start(name: string, options: StartOptions): Promise<void> {
  const server = serverOf(options);
  if (server) return import('./server/control.ts').then((there) => there.start(server, name, options));
  return withControl(options, async (control) => {
    const interrupt = listenForInterrupt();
    try {
      const runs = await enqueued(control, name, options, interrupt.signal);
      if (options.follow !== true) {
        print(outputOf(options) === 'json' ? JSON.stringify({ runs }) : runs.join('\n'));
        if (!options.quiet) await tellUnserved(control);
        return;
      }
      const how = { level: 'info', json: outputOf(options) === 'json' } as const;
      for (const run of runs) {
        const status = await followRun(control.store, run, how, interrupt.signal);
        process.exitCode = Math.max(Number(process.exitCode ?? 0), status);
      }
    } finally {
      interrupt.dispose();
    }
  });
}

/** Gives the ids of the runs: of a windowed job one for each window that is due. Throws `run/busy`, `job/disabled`, `run/nothing-due`. */
async function enqueued(control: Control, name: string, options: StartOptions, signal: AbortSignal): Promise<string[]> {
  const { store, key } = control;
  const { row, stream } = await appliedJob(control, name);
  const where = { job: row.job };
  requireStream(row, stream);
  if (!row.definition.enabled) {
    throw new SluiceError('job/disabled', 'config', `The job ${row.job} is switched off by \`enabled: false\``, {
      where,
    });
  }
  const windows = await windowsNow(control, row, { stream, signal });
  const by = asker();
  const more = { ...(stream === null ? {} : { stream }), ...(options.fullRefresh ? { full_refresh: true } : {}) };
  const wanted = { row, kind: 'manual', by, reason: options.reason ?? null, options: more, windows } as const;
  const runs = await alone(control, row.job, signal, async () => {
    const alive = await store.queue.alive({ ...key, job: row.job });
    const policy = row.definition.schedule?.overlap_policy ?? 'skip';
    if (alive[0] && policy === 'skip') {
      throw new SluiceError('run/busy', 'transient', `${row.job} is running already: run ${alive[0].id}`, {
        where: { ...where, run: alive[0].id },
        hint: 'Wait for it, stop it with `sluice stop`, or let `schedule.overlap_policy` be queue or cancel.',
      });
    }
    if (policy === 'cancel') for (const { id } of alive) await store.queue.requestStop({ run: id, by });
    return enqueue(control, wanted);
  });
  if (runs.length === 0) tell(`${row.job}: every window that is due is finished`);
  return runs;
}
