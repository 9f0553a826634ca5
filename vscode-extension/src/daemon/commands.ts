import * as vscode from 'vscode';
import { type FoundJob, type Project, targetOption } from '../project.ts';
import { sluiceTask } from '../runs/runs.ts';
import { sluiceFor } from '../sluice-command.ts';
import type { Daemons } from './api.ts';
import type { DaemonJobs } from './jobs.ts';

/** What a command asks of the daemon: does it, says what came of it, and looks again. */
export class DaemonCommands {
  readonly #daemons: Daemons;
  readonly #jobs: DaemonJobs;
  readonly #log: vscode.LogOutputChannel;
  /** Runs whose log stands in the channel, or is being followed. */
  readonly #told = new Set<string>();

  constructor(daemons: Daemons, jobs: DaemonJobs, log: vscode.LogOutputChannel) {
    this.#daemons = daemons;
    this.#jobs = jobs;
    this.#log = log;
  }

  async #post<T>(dir: string, path: string, body?: object): Promise<T | null> {
    try {
      const answer = await this.#daemons.ask<T>(dir, 'POST', path, body);
      if (!answer)
        void vscode.window.showInformationMessage(
          'Sluice: no daemon runs for this project. *Start a Local Daemon* starts one.',
        );
      return answer;
    } catch (error) {
      void vscode.window.showErrorMessage(`Sluice: ${(error as Error).message}`);
      return null;
    } finally {
      void this.#jobs.look();
    }
  }

  /** Whether a daemon that answers runs the jobs of the project. */
  serves({ project }: FoundJob): boolean {
    return this.#jobs.daemonOf(project.dir)?.problem === null;
  }

  /** The log of the job's last run there, from its beginning and on as long as it runs. */
  async showLog({ project, job }: FoundJob): Promise<void> {
    const last = this.#jobs.of(project.dir, job.name)?.last_execution;
    if (!last) {
      void vscode.window.showInformationMessage(`Sluice: no daemon has run ${job.name} yet.`);
      return;
    }
    this.#log.show(true);
    await this.#followLog(project.dir, job.name, last.execution_id);
  }

  async start({ project, job }: FoundJob): Promise<void> {
    const started = await this.#post<{ execution_id: string }>(project.dir, `/jobs/${job.name}/start`);
    if (started) await this.#followLog(project.dir, job.name, started.execution_id);
  }

  async stop({ project, job }: FoundJob): Promise<void> {
    await this.#post(project.dir, `/jobs/${job.name}/stop`);
  }

  async pause({ project, job }: FoundJob): Promise<void> {
    const reason = await vscode.window.showInputBox({ prompt: `Why is ${job.name} paused? It stands in the history` });
    if (reason !== undefined)
      await this.#post(project.dir, `/jobs/${job.name}/pause`, { reason: reason.trim() || null });
  }

  async resume({ project, job }: FoundJob): Promise<void> {
    await this.#post(project.dir, `/jobs/${job.name}/resume`);
  }

  /** The lines of a run's log as they come, in the channel that local runs write to as well. */
  async #followLog(dir: string, job: string, execution: string): Promise<void> {
    if (this.#told.has(execution)) return;
    this.#told.add(execution);
    const path = `/jobs/${job}/logs/stream?execution=${execution}`;
    try {
      for await (const { type, data } of this.#daemons.follow(dir, path, AbortSignal.timeout(86_400_000))) {
        const { level, message } = data as { level?: string; message?: string };
        const write = this.#log[level?.toLowerCase() as 'info'] as ((text: string) => void) | undefined;
        if (message) write?.call(this.#log, `${job}: ${message}`);
        if (type === 'end') break;
      }
    } catch (error) {
      this.#told.delete(execution);
      this.#log.warn(`${job}: the log cannot be followed: ${(error as Error).message}`);
    }
    await this.#jobs.look();
  }

  /** Names a daemon elsewhere, or forgets it where the address is left empty. What does not let us in is not kept. */
  async connect({ dir, name, isNamed }: Project): Promise<void> {
    const before = await this.#daemons.named(dir);
    const url = await vscode.window.showInputBox({
      title: `Daemon of ${name}`,
      prompt: 'Its address (empty: the one that runs in the folder of the project)',
      placeHolder: 'https://sluice.example.com',
      value: before?.url ?? '',
      validateInput: (text) =>
        text.trim() === '' || /^https?:\/\/[^/\s]+/.test(text.trim()) ? null : 'Begins with http:// or https://',
    });
    if (url === undefined) return;
    if (url.trim() === '') {
      await this.#daemons.name(dir, null);
      await this.#jobs.look();
      return;
    }
    const token = await vscode.window.showInputBox({
      title: `Daemon of ${name}`,
      prompt: 'Its token, as `sluice token create` prints it; it is kept in the secret storage of the editor',
      password: true,
    });
    if (!token) return;
    await this.#daemons.name(dir, { url: url.trim().replace(/\/+$/, ''), token: token.trim() });
    try {
      const me = await this.#daemons.ask<{ project: string; target: string }>(dir, 'GET', '/me');
      if (me && isNamed && me.project !== name) throw new Error(`it serves the project ${me.project}`);
      void vscode.window.showInformationMessage(`Sluice: the daemon of ${name} answers, target ${me?.target}.`);
    } catch (error) {
      await this.#daemons.name(dir, before);
      void vscode.window.showErrorMessage(`Sluice: not connected to a daemon of ${name}: ${(error as Error).message}`);
    }
    await this.#jobs.look();
  }

  async startLocal({ dir, target }: Project): Promise<void> {
    const program = await sluiceFor(dir);
    if (!program) return;
    const args = ['daemon', '--port', '0', ...targetOption(target)];
    const task = sluiceTask(program, ['daemon'], args, dir);
    task.isBackground = true;
    await vscode.tasks.executeTask(task);
  }

  /** What the daemon serves to browsers. */
  async open({ dir, name }: Project): Promise<void> {
    const found = this.#jobs.daemonOf(dir);
    if (found) await vscode.env.openExternal(vscode.Uri.parse(`${found.url}/docs`));
    else void vscode.window.showInformationMessage(`Sluice: no daemon runs for ${name}.`);
  }
}
