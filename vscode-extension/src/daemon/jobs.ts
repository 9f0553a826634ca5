import * as vscode from 'vscode';
import type { Projects } from '../project.ts';
import type { RunError } from '../runs/record.ts';
import type { Daemons } from './api.ts';

/** An execution as the API lists it. */
export interface Execution {
  execution_id: string;
  status: string;
  kind: string;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  counts: { rows_read?: number; rows_written?: number; rows_rejected?: number; bytes_read?: number } | null;
  error: RunError | null;
}

/** A job as the daemon has it. */
export interface DaemonJob {
  job_id: string;
  job_name: string;
  status: string;
  next_run: string | null;
  paused: { until: string | null; reason: string | null } | null;
  last_execution: { execution_id: string; status: string; created_at: string; finished_at: string | null } | null;
}

/** How often daemons are asked while their jobs are looked at. */
const ASK_MS = 5000;
const ENDED = new Set(['succeeded', 'failed', 'cancelled', 'skipped']);

export function isActive({ last_execution: last }: DaemonJob): boolean {
  return last !== null && !ENDED.has(last.status);
}

interface Known {
  url: string;
  jobs: Map<string, DaemonJob>;
  /** Why it does not tell of its jobs; null: it does. */
  problem: string | null;
}

/** What the daemons of the window's projects say of their jobs. */
export class DaemonJobs {
  readonly #daemons: Daemons;
  readonly #projects: Projects;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #failed = new vscode.EventEmitter<{ dir: string; job: string; errors: RunError[] }>();
  readonly onDidChange = this.#changed.event;
  /** A run of the daemon ended while this window looked: with its errors, none where it went well. */
  readonly onDidEnd = this.#failed.event;
  #known = new Map<string, Known>();
  #told = '';
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(context: vscode.ExtensionContext, daemons: Daemons, projects: Projects, isLookedAt: () => boolean) {
    this.#daemons = daemons;
    this.#projects = projects;
    const timer = setInterval(() => {
      if (isLookedAt()) void this.look();
    }, ASK_MS);
    const files = vscode.workspace.createFileSystemWatcher('**/.sluice/daemon.json');
    const look = (): void => void this.look();
    context.subscriptions.push(
      this.#changed,
      this.#failed,
      files,
      files.onDidCreate(look),
      files.onDidDelete(look),
      projects.onDidChange(look),
      { dispose: () => clearInterval(timer) },
    );
  }

  of(dir: string, job: string | null): DaemonJob | undefined {
    return this.#known.get(dir)?.jobs.get(job ?? '');
  }

  all(dir: string): DaemonJob[] {
    return [...(this.#known.get(dir)?.jobs.values() ?? [])];
  }

  /** The daemon of a project, and why it does not answer; null: none is known. */
  daemonOf(dir: string): { url: string; problem: string | null } | null {
    return this.#known.get(dir) ?? null;
  }

  /** Asks every daemon. Asked while it is being done, it is done once more behind that. */
  look(): Promise<void> {
    this.#next ??= this.#current
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        this.#current = this.#look();
        return this.#current;
      });
    return this.#next;
  }

  async #look(): Promise<void> {
    const known = new Map<string, Known>();
    const look = async ({ dir }: { dir: string }): Promise<void> => {
      const address = await this.#daemons.addressOf(dir);
      if (address) known.set(dir, { url: address.url, ...(await this.#list(dir)) });
    };
    // Side by side: one that does not answer keeps no other waiting.
    await Promise.all((await this.#projects.load()).map(look));
    const before = this.#known;
    this.#known = known;
    for (const [dir, { jobs }] of known)
      for (const job of jobs.values()) await this.#compare(dir, before.get(dir)?.jobs.get(job.job_name), job);
    const told = JSON.stringify(
      [...known].map(([dir, { url, problem, jobs }]) => [dir, url, problem, [...jobs.values()]]).sort(),
    );
    if (told !== this.#told) this.#changed.fire();
    this.#told = told;
  }

  async #list(dir: string): Promise<Omit<Known, 'url'>> {
    const jobs = new Map<string, DaemonJob>();
    try {
      for (let cursor: string | null = ''; cursor !== null; ) {
        const path: string = `/jobs?limit=200${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
        const page: { jobs: DaemonJob[]; next_cursor: string | null } | null = await this.#daemons.ask(
          dir,
          'GET',
          path,
        );
        for (const job of page?.jobs ?? []) jobs.set(job.job_name, job);
        cursor = page?.next_cursor ?? null;
      }
      return { jobs, problem: null };
    } catch (error) {
      return { jobs: new Map(), problem: (error as Error).message };
    }
  }

  async #compare(dir: string, before: DaemonJob | undefined, now: DaemonJob): Promise<void> {
    const last = now.last_execution;
    if (!before || !last || !ENDED.has(last.status)) return;
    if (before.last_execution?.execution_id === last.execution_id && !isActive(before)) return;
    const path = `/jobs/${now.job_id}/executions/${last.execution_id}`;
    const execution =
      last.status === 'failed' ? await this.#daemons.ask<Execution>(dir, 'GET', path).catch(() => null) : null;
    this.#failed.fire({ dir, job: now.job_name, errors: execution?.error ? [execution.error] : [] });
  }
}
