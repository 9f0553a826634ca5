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

  /** Address of the daemon that answered last; null: none did. */
  url(): string | null {
    return [...this.#known.values()][0]?.url ?? null;
  }

  async look(): Promise<void> {
    const known = new Map<string, Known>();
    for (const { dir } of await this.#projects.load()) {
      const address = await this.#daemons.addressOf(dir);
      const listed = await this.#list(dir);
      if (address && listed)
        known.set(dir, { url: address.url, jobs: new Map(listed.map((job) => [job.job_name, job])) });
    }
    const before = this.#known;
    this.#known = known;
    for (const [dir, { jobs }] of known)
      for (const job of jobs.values()) await this.#compare(dir, before.get(dir)?.jobs.get(job.job_name), job);
    const told = JSON.stringify([...known].map(([dir, { url, jobs }]) => [dir, url, [...jobs.values()]]));
    if (told !== this.#told) this.#changed.fire();
    this.#told = told;
  }

  /** null: no daemon answers. */
  async #list(dir: string): Promise<DaemonJob[] | null> {
    const found: DaemonJob[] = [];
    try {
      for (let cursor: string | null = ''; cursor !== null; ) {
        const path: string = `/jobs?limit=200${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
        const page: { jobs: DaemonJob[]; next_cursor: string | null } | null = await this.#daemons.ask(
          dir,
          'GET',
          path,
        );
        if (!page) return null;
        found.push(...page.jobs);
        cursor = page.next_cursor;
      }
      return found;
    } catch {
      return null;
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
