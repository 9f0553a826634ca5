import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import type { DaemonJobs } from '../daemon/jobs.ts';
import type { Projects } from '../project.ts';
import { rowsText, seconds } from './record.ts';
import type { Runs } from './runs.ts';

/** What runs say, in an output channel: the editor filters it by level and follows it. */
export function logRuns(context: vscode.ExtensionContext, runs: Runs): vscode.LogOutputChannel {
  const channel = vscode.window.createOutputChannel('Sluice Runs', { log: true });
  const say = runs.onDidRead(({ record, line }) => {
    const at = (stream: string | null): string =>
      stream === null || stream === line.job ? line.job : `${line.job}/${stream}`;
    switch (line.type) {
      case 'started':
        channel.info(`${line.job}: run ${line.run_id}`);
        break;
      case 'window':
        channel.info(`${line.job}: window ${line.number} of ${line.of}, ${line.from} to ${line.to}`);
        break;
      case 'log':
        channel[line.level](`${at(line.stream)}: ${line.message}`);
        break;
      case 'phase':
        channel.debug(`${at(line.stream)}: ${line.phase}${line.detail === undefined ? '' : ` (${line.detail})`}`);
        break;
      case 'waiting':
        channel.info(`${line.job}: waiting for ${line.for}, held by ${line.holder}`);
        break;
      case 'retry':
        channel.warn(
          `${line.job}: ${line.error.code} ${line.error.message}; attempt ${line.attempt} in ${seconds(line.delay_ms)}`,
        );
        break;
      case 'ended':
        for (const { code, message, hint } of record.errors)
          channel.error(`${line.job}: ${code} ${message}${hint === null ? '' : ` ${hint}`}`);
        channel.info(`${line.job}: ${line.status} after ${seconds(line.duration_ms)}${written(line.streams)}`);
    }
  });
  context.subscriptions.push(channel, say);
  return channel;
}

function written(streams: readonly { counts: { rows_written: number } }[]): string {
  const rows = streams.reduce((sum, { counts }) => sum + counts.rows_written, 0);
  return rows > 0 ? `, ${rowsText(rows)} written` : '';
}

/** Tells the server how jobs ended, which its code lenses show: what the daemon knows, and over it what was run here. */
export function tellServer(
  context: vscode.ExtensionContext,
  client: LanguageClient,
  { projects, runs, daemon }: { projects: Projects; runs: Runs; daemon: DaemonJobs },
): void {
  const tell = async (): Promise<void> => {
    for (const { dir } of client.isRunning() ? await projects.load() : []) {
      const known: Record<string, unknown> = {};
      for (const { job_name, last_execution: last } of daemon.all(dir)) {
        if (!last?.finished_at) continue;
        const duration_ms = Date.parse(last.finished_at) - Date.parse(last.created_at);
        known[job_name] = { status: last.status, ended_at: last.finished_at, duration_ms, rows_written: null };
      }
      for (const run of runs.list().reverse()) {
        if (run.dir !== dir || run.endedAt === null) continue;
        known[run.job] = {
          status: run.state,
          ended_at: new Date(run.endedAt).toISOString(),
          duration_ms: run.took ?? run.endedAt - run.startedAt,
          rows_written: run.state === 'succeeded' ? run.rowsWritten : null,
        };
      }
      await client.sendNotification('sluice/runs', { uri: vscode.Uri.file(dir).toString(), runs: known });
    }
  };
  context.subscriptions.push(
    runs.onDidChange(({ endedAt }) => {
      if (endedAt !== null) void tell();
    }),
    daemon.onDidChange(() => void tell()),
  );
}
