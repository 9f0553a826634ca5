import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { makeClient } from './client.ts';
import { registerCommands } from './commands.ts';
import { Daemons } from './daemon/api.ts';
import { DaemonCommands } from './daemon/commands.ts';
import { DaemonJobs } from './daemon/jobs.ts';
import { followLanguage } from './language-id.ts';
import { MetricsPanels } from './metrics/panels.ts';
import { Previews } from './preview.ts';
import { Projects } from './project.ts';
import { Failures } from './runs/failures.ts';
import { logRuns, tellServer } from './runs/logs.ts';
import { Runs } from './runs/runs.ts';
import { registerConnections } from './views/connections.ts';
import { registerJobs } from './views/jobs.ts';
import { registerPlan } from './views/plan.ts';
import { registerRuns } from './views/runs.ts';

let client: LanguageClient | undefined;

/** Registers views and commands, and starts the language server that this extension brings. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const made = makeClient(context);
  client = made;
  const projects = new Projects(context, made);
  const runs = new Runs(context);
  const daemons = new Daemons(context.secrets);
  const daemonJobs = new DaemonJobs(context, daemons, projects, () => views.jobs.isVisible());
  const views = {
    jobs: registerJobs(context, projects, runs, daemonJobs),
    runs: registerRuns(context, projects, runs),
    connections: registerConnections(context, projects),
    plan: registerPlan(context, projects),
  };
  const log = logRuns(context, runs);
  const failures = new Failures(context, made, projects, runs);
  context.subscriptions.push(daemonJobs.onDidEnd(({ dir, job, errors }) => void failures.show(dir, job, errors)));
  tellServer(context, made, { projects, runs, daemon: daemonJobs });
  const daemon = new DaemonCommands(daemons, daemonJobs, log);
  const panels = { previews: new Previews(), metrics: new MetricsPanels(context, daemons) };
  registerCommands(context, { client: made, projects, runs, ...panels, daemon, log, views });
  // Trust may be granted while the server starts: what it was told then is told anew.
  const grant = vscode.workspace.onDidGrantWorkspaceTrust(async () => {
    await starting;
    await made.restart();
    projects.refresh();
  });
  context.subscriptions.push(grant);
  const starting = made.start();
  try {
    await starting;
  } catch (error) {
    void vscode.window.showErrorMessage(`Sluice: the language server did not start: ${String(error)}`);
    return;
  }
  followLanguage(context, made);
  projects.refresh();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}
