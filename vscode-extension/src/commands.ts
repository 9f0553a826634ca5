import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import type { DaemonCommands } from './daemon/commands.ts';
import type { MetricsPanels } from './metrics/panels.ts';
import { newJob } from './new-job.ts';
import type { Previews } from './preview.ts';
import type { FoundJob, Project, Projects } from './project.ts';
import type { Runs } from './runs/runs.ts';
import { sluiceTask } from './runs/runs.ts';
import { sluiceFor } from './sluice-command.ts';
import type { ConnectionItem, ConnectionsView } from './views/connections.ts';
import type { JobItem } from './views/job-items.ts';
import type { JobsView } from './views/jobs.ts';
import type { ChangeItem, PlanView } from './views/plan.ts';
import type { RunItem } from './views/runs.ts';
import type { Tree } from './views/tree.ts';

/** Everything that commands work on. */
export interface Parts {
  client: LanguageClient;
  projects: Projects;
  runs: Runs;
  previews: Previews;
  metrics: MetricsPanels;
  daemon: DaemonCommands;
  log: vscode.LogOutputChannel;
  views: { jobs: JobsView; runs: Tree; connections: ConnectionsView; plan: PlanView };
}

/** From a code lens: address and name; from a view: its item; from the palette: nothing. */
type Target = string | JobItem | RunItem | undefined;

/** Registers every command of the palette, the views and the code lenses. */
export function registerCommands(context: vscode.ExtensionContext, parts: Parts): void {
  const { client, projects, runs, previews, metrics, daemon, log, views } = parts;
  const on = (name: string, run: (...args: never[]) => unknown): void => {
    context.subscriptions.push(vscode.commands.registerCommand(`sluice.${name}`, run));
  };
  const onJob = (name: string, run: (found: FoundJob) => unknown): void => {
    on(name, async (target: Target, job?: string) => {
      const found = await jobOf(parts, target, job);
      if (found) await run(found);
    });
  };
  onJob('run', async (found) => await run(parts, found));
  onJob('fullRefresh', async (found) => {
    const { project, job } = found;
    const go = 'Load everything again';
    const text = `${job.name}: what was loaded is forgotten, and the table replaced once the load succeeded.`;
    if ((await vscode.window.showWarningMessage(text, { modal: true }, go)) === go)
      await runs.start(project.dir, job.name, 'run', [
        '--full-refresh',
        ...(daemon.serves(found) ? ['--take-over'] : []),
      ]);
  });
  onJob('backfill', async ({ project, job }) => {
    const range = await askRange(job.name);
    if (range) await runs.start(project.dir, job.name, 'backfill', ['--from', range.from, '--to', range.to]);
  });
  onJob('preview', async (found) => await previews.show(found));
  onJob('startOnDaemon', (found) => daemon.start(found));
  onJob('stopOnDaemon', (found) => daemon.stop(found));
  onJob('showDaemonLog', (found) => daemon.showLog(found));
  onJob('testJob', async ({ project, job }) => await inTerminal(project.dir, ['doctor', job.name]));
  onJob('pause', (found) => daemon.pause(found));
  onJob('showMetrics', (found) => metrics.show(found));
  onJob('resume', (found) => daemon.resume(found));
  const onProject = (name: string, question: string, run: (project: Project) => unknown): void => {
    on(name, async (item?: { project: Project }) => {
      const project = item?.project ?? (await projects.choose(question));
      if (project) await run(project);
    });
  };
  onProject('connectDaemon', 'Project whose daemon runs elsewhere', (project) => daemon.connect(project));
  onProject('startDaemon', 'Project to start a daemon for', (project) => daemon.startLocal(project));
  onProject('openDaemon', 'Project whose daemon is opened', (project) => daemon.open(project));
  onProject('validate', 'Project to validate', async ({ dir }) => await inTerminal(dir, ['validate']));
  on('newProject', () => projects.make());
  onProject('newJob', 'Project of the job', (project) => newJob(client, projects, project));
  on('stop', async (target: Target) => {
    const record = target !== undefined && typeof target === 'object' && 'run' in target ? target.run : null;
    if (record) return runs.stop(record);
    const found = await jobOf(parts, target);
    const last = found && runs.last(found.project.dir, found.job.name);
    if (last) runs.stop(last);
  });
  on('showLog', () => log.show(true));
  on('refresh', () => {
    projects.refresh();
    for (const view of Object.values(views)) view.refresh();
  });
  on('restartServer', () => client.restart());
  on('filterJobs', () => views.jobs.filter());
  on('showAllJobs', () => views.jobs.showAll());
  on('groupJobs', () => views.jobs.group());
  on('testConnection', (item?: ConnectionItem) => views.connections.test(item));
  on('showDifference', (item: ChangeItem) => views.plan.diff(item));
}

/** The job that is meant; its file is saved, since the program reads files, not editors. */
async function jobOf({ projects }: Parts, target: Target, name?: string): Promise<FoundJob | null> {
  let found: FoundJob | null = null;
  if (typeof target === 'object' && 'run' in target) found = await projects.jobNamed(target.run.dir, target.run.job);
  else if (typeof target === 'object' && target.job?.name)
    found = { project: target.project, job: { ...target.job, name: target.job.name } };
  else {
    const uri = typeof target === 'string' ? vscode.Uri.parse(target) : vscode.window.activeTextEditor?.document.uri;
    found = uri ? await projects.jobAt(uri) : null;
    if (found && name) found = { ...found, job: { ...found.job, name } };
    found ??= target === undefined ? await chooseJob(projects) : null;
  }
  if (found) {
    const path = vscode.Uri.parse(found.job.place.uri).fsPath;
    await vscode.workspace.textDocuments.find(({ uri, isDirty }) => isDirty && uri.fsPath === path)?.save();
  }
  return found;
}

async function chooseJob(projects: Projects): Promise<FoundJob | null> {
  const all = await projects.load();
  const picks = all.flatMap((project) =>
    project.jobs.flatMap(({ name, ...job }) => {
      const description = all.length > 1 ? `${project.name}, ${job.file}` : job.file;
      return name === null ? [] : [{ label: name, description, found: { project, job: { ...job, name } } }];
    }),
  );
  return (await vscode.window.showQuickPick(picks, { placeHolder: 'Job' }))?.found ?? null;
}

/** Here, unless a daemon runs the jobs of the project: then where the person says. */
async function run({ runs, daemon }: Parts, found: FoundJob): Promise<void> {
  const { project, job } = found;
  if (!daemon.serves(found)) return await runs.start(project.dir, job.name);
  const there = 'Start on the Daemon';
  const here = 'Run Here';
  const text = `A daemon runs the jobs of ${project.name}. ${job.name} can be started there, or run here beside it.`;
  const chosen = await vscode.window.showInformationMessage(text, there, here);
  if (chosen === there) await daemon.start(found);
  if (chosen === here) await runs.start(project.dir, job.name, 'run', ['--take-over']);
}

async function askRange(job: string): Promise<{ from: string; to: string } | null> {
  const ask = async (prompt: string): Promise<string | undefined> =>
    await vscode.window.showInputBox({
      title: `Backfill ${job}`,
      prompt,
      placeHolder: '2026-01-01',
      validateInput: (text) => (text.trim() === '' ? 'A date, a time or a value of the cursor' : null),
    });
  const from = await ask('From: a date, a time or a value of the cursor');
  const to = from === undefined ? undefined : await ask(`From ${from} to, itself left out:`);
  return from === undefined || to === undefined ? null : { from: from.trim(), to: to.trim() };
}

/** A command whose output is all there is to see. */
async function inTerminal(dir: string, args: readonly string[]): Promise<void> {
  const program = await sluiceFor(dir);
  if (program) await vscode.tasks.executeTask(sluiceTask(program, args, args, dir));
}
