import * as vscode from 'vscode';
import { type DaemonJob, type DaemonJobs, isActive } from '../daemon/jobs.ts';
import { type Job, openCommand, type Project } from '../project.ts';
import { type RunRecord, summary } from '../runs/record.ts';
import type { Runs } from '../runs/runs.ts';
import type { StoredRun } from './history.ts';
import { type ProjectItem, projectLine } from './projects.ts';

export interface JobItem {
  kind: 'job';
  project: Project;
  job: Job;
}

/** A line of the view of jobs, below the project. */
export type Item =
  | JobItem
  | { kind: 'group'; name: string; icon: string; items: JobItem[] }
  | { kind: 'stream'; item: JobItem; stream: string }
  | { kind: 'run'; run: StoredRun }
  | { kind: 'note'; text: string };

/** Where what is shown of a project comes from. */
export function reached(daemon: DaemonJobs, dir: string): { text: string; problem: string | null } {
  const found = daemon.daemonOf(dir);
  if (!found) return { text: 'from files', problem: null };
  const host = found.url.replace(/^https?:\/\//, '');
  return found.problem === null
    ? { text: `daemon ${host}`, problem: null }
    : { text: `daemon ${host} does not answer`, problem: found.problem };
}

export function projectItem(item: ProjectItem, daemon: DaemonJobs): vscode.TreeItem {
  const { text, problem } = reached(daemon, item.project.dir);
  const made = projectLine(item, text);
  made.tooltip = [item.project.dir, problem ?? ''].filter(Boolean).join('\n');
  if (problem !== null)
    made.iconPath = new vscode.ThemeIcon('warning', new vscode.ThemeColor('problemsWarningIcon.foreground'));
  return made;
}

/** Jobs of a folder or tag that are not unfolded by themselves. */
const MANY = 20;

function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

export function treeItem(item: Item, runs: Runs, daemon: DaemonJobs): vscode.TreeItem {
  const { None, Expanded, Collapsed } = vscode.TreeItemCollapsibleState;
  switch (item.kind) {
    case 'group': {
      const made = new vscode.TreeItem(item.name, item.items.length > MANY ? Collapsed : Expanded);
      made.iconPath = new vscode.ThemeIcon(item.icon);
      const faulty = item.items.filter(({ job }) => job.errors > 0).length;
      made.description = [counted(item.items.length, 'job'), faulty > 0 ? `${faulty} with errors` : '']
        .filter(Boolean)
        .join(', ');
      return made;
    }
    case 'job':
      return jobItem(
        item,
        runs.last(item.project.dir, item.job.name ?? ''),
        daemon.of(item.project.dir, item.job.name),
      );
    case 'stream': {
      const made = new vscode.TreeItem(item.stream, None);
      made.iconPath = new vscode.ThemeIcon('list-flat');
      made.description = 'stream';
      made.contextValue = 'stream';
      return made;
    }
    case 'run':
      return runItem(item.run);
    default:
      return new vscode.TreeItem(item.text, None);
  }
}

/** A run of this window says most; then what the daemon knows; then the file. */
function jobItem(item: JobItem, run: RunRecord | undefined, known: DaemonJob | undefined): vscode.TreeItem {
  const { name, file, next, enabled, errors, warnings, tags, place } = item.job;
  const made = new vscode.TreeItem(name ?? file, vscode.TreeItemCollapsibleState.Collapsed);
  const isHere = run !== undefined && run.endedAt === null;
  made.description = !enabled
    ? 'off'
    : isHere
      ? summary(run, Date.now())
      : known
        ? told(known)
        : run
          ? summary(run, Date.now())
          : next === null
            ? ''
            : `next ${when(next)}`;
  const problems = [errors > 0 ? counted(errors, 'error') : '', warnings > 0 ? counted(warnings, 'warning') : ''];
  const lines = [
    name ?? '',
    file,
    tags.length > 0 ? `tags: ${tags.join(', ')}` : '',
    next ? `next ${when(next)}` : '',
    ...problems,
  ];
  made.tooltip = lines.filter(Boolean).join('\n');
  made.iconPath = jobIcon(item.job, run, known);
  const traits = known ? ['daemon', known.paused ? 'paused' : '', isActive(known) ? 'busy' : ''] : [];
  made.contextValue = [isHere ? 'job.active' : 'job', ...traits.filter(Boolean)].join('.');
  made.command = openCommand(place);
  return made;
}

/** How a job is, as the daemon says. */
function told({ paused, next_run, last_execution: last, status }: DaemonJob): string {
  if (paused) return paused.until === null ? 'paused' : `paused until ${when(paused.until)}`;
  if (last && last.finished_at === null) return last.status;
  const parts = [last?.finished_at ? `${last.status} ${when(last.finished_at)}` : status === 'created' ? '' : status];
  if (next_run) parts.push(`next ${when(next_run)}`);
  return parts.filter(Boolean).join(', ');
}

function jobIcon(
  { enabled, errors, warnings }: Job,
  run: RunRecord | undefined,
  known: DaemonJob | undefined,
): vscode.ThemeIcon {
  if ((run && run.endedAt === null) || (known && isActive(known))) return new vscode.ThemeIcon('sync~spin');
  if (errors > 0) return new vscode.ThemeIcon('error', new vscode.ThemeColor('problemsErrorIcon.foreground'));
  const last = known?.last_execution?.status ?? run?.state;
  if (last === 'failed') return stateIcon('failed');
  if (warnings > 0) return new vscode.ThemeIcon('warning', new vscode.ThemeColor('problemsWarningIcon.foreground'));
  if (!enabled) return new vscode.ThemeIcon('circle-slash');
  if (known?.paused) return new vscode.ThemeIcon('debug-pause');
  return last === undefined ? new vscode.ThemeIcon('database') : stateIcon(last);
}

const STATE_ICONS: Readonly<Record<string, [icon: string, color: string]>> = {
  succeeded: ['pass', 'testing.iconPassed'],
  failed: ['error', 'testing.iconFailed'],
  cancelled: ['circle-slash', 'testing.iconSkipped'],
  skipped: ['debug-step-over', 'testing.iconSkipped'],
};

/** The icon of how a run ended; spinning while it has not. */
export function stateIcon(state: string): vscode.ThemeIcon {
  const [icon, color] = STATE_ICONS[state] ?? [];
  return icon && color ? new vscode.ThemeIcon(icon, new vscode.ThemeColor(color)) : new vscode.ThemeIcon('sync~spin');
}

function runItem({ id, state, kind, created_at, counts, error }: StoredRun): vscode.TreeItem {
  const made = new vscode.TreeItem(when(created_at), vscode.TreeItemCollapsibleState.None);
  const rows = counts && state === 'succeeded' ? `, ${counts.rows_written.toLocaleString('en-US')} rows` : '';
  made.description = `${state}${rows}${kind === 'manual' ? '' : `, ${kind}`}`;
  made.tooltip = [`run ${id}`, error ? `${error.code}: ${error.message}` : ''].filter(Boolean).join('\n');
  made.iconPath = stateIcon(state);
  return made;
}

/** A time as it is spoken of today. */
function when(iso: string): string {
  const date = new Date(iso);
  const today = new Date().toDateString() === date.toDateString();
  return today ? date.toLocaleTimeString() : date.toLocaleString();
}
