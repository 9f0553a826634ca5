import { type Command, Option } from 'commander';
import type { LogLevel } from '../store/types.ts';
import { followRun, logLine, runOf, withControl } from './control.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { listenForInterrupt } from './signals.ts';
import { print, styleFor, tell } from './terminal.ts';

interface LogsOptions extends CommonOptions, ServerOptions {
  follow?: boolean;
  level: LogLevel;
}

const PAGE = 1000;

export function define(command: Command): void {
  withServer(withCommon(command, ['text', 'json']))
    .argument('<job-or-run>', 'a run’s id, or a job’s NAME: its newest run')
    .option('-f, --follow', 'go on until the run is over')
    .addOption(
      new Option('--level <level>', 'the least that is written')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(logs);
}

function logs(wanted: string, options: LogsOptions): Promise<void> {
  const server = serverOf(options);
  if (server) return import('./server/control.ts').then((there) => there.logs(server, wanted, options));
  return withControl(options, async (control) => {
    const { store } = control;
    const run = await runOf(control, wanted);
    const json = outputOf(options) === 'json';
    if (options.follow === true) {
      const interrupt = listenForInterrupt();
      process.exitCode = await followRun(store, run.id, { level: options.level, json }, interrupt.signal);
      interrupt.dispose();
      return;
    }
    const style = styleFor(process.stdout);
    for (let after = '0'; ; ) {
      const lines = await store.readLogs(run.id, { level: options.level, after, limit: PAGE });
      for (const line of lines) print(json ? JSON.stringify(line) : logLine(line, style));
      const last = lines.at(-1);
      if (last === undefined || lines.length < PAGE) break;
      after = last.seq;
    }
    if (run.logs_dropped > 0 && !options.quiet) tell(`${run.logs_dropped} lines were left out: too many at once`);
  });
}
