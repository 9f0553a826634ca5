import * as vscode from 'vscode';
import { type Job, openCommand, type Project, type Projects } from '../project.ts';
import { type RunRecord, summary } from '../runs/record.ts';
import type { Runs } from '../runs/runs.ts';
import { History, type StoredRun } from './history.ts';
import { type Tree, viewOf } from './tree.ts';

export interface JobItem {
  kind: 'job';
  project: Project;
  job: Job;
}

type Item =
  | JobItem
  | { kind: 'group'; name: string; icon: string; items: JobItem[] }
  | { kind: 'stream'; item: JobItem; stream: string }
  | { kind: 'run'; run: StoredRun }
  | { kind: 'note'; text: string };

export interface JobsView extends Tree {
  filter(): Promise<void>;
  group(): void;
}

/** Jobs by folder or tag: how they are, when they fire next, and under each its streams and last runs. */
export function registerJobs(context: vscode.ExtensionContext, projects: Projects, runs: Runs): JobsView {
  let wanted = '';
  let by: 'folder' | 'tag' = context.workspaceState.get('jobs.by', 'folder');
  const history = new History();
  const tree = viewOf<Item>(context, 'sluice.jobs', {
    roots: async () => {
      const items = (await projects.load()).flatMap((project) =>
        project.jobs.map((job): JobItem => ({ kind: 'job', project, job })),
      );
      const faulty = items.filter(({ job }) => job.errors > 0).length;
      tree.badge(faulty, faulty === 1 ? '1 job has errors' : `${faulty} jobs have errors`);
      return wanted === '' ? grouped(items, by) : items.filter((item) => fits(item, wanted.toLowerCase()));
    },
    children: async (item) => {
      if (item.kind === 'group') return item.items;
      if (item.kind !== 'job') return [];
      const streams = item.job.streams.map((stream): Item => ({ kind: 'stream', item, stream }));
      const { stored, note } = await history.of(item.project.dir, item.job.name);
      const last = stored.map((run): Item => ({ kind: 'run', run }));
      return [...streams, ...last, ...(note === null ? [] : [{ kind: 'note' as const, text: note }])];
    },
    item: (item) => treeItem(item, runs),
  });
  context.subscriptions.push(
    projects.onDidChange(() => tree.refresh()),
    runs.onDidChange(({ dir, job, endedAt }) => {
      if (endedAt !== null) history.forget(dir, job);
      tree.refresh();
    }),
  );
  return {
    ...tree,
    refresh: () => {
      history.clear();
      tree.refresh();
    },
    filter: async () => {
      const prompt = 'Show only jobs whose name or tag holds (empty: all)';
      const text = await vscode.window.showInputBox({ prompt, value: wanted });
      if (text === undefined) return;
      wanted = text.trim();
      tree.describe(wanted === '' ? '' : `“${wanted}”`);
      tree.refresh();
    },
    group: () => {
      by = by === 'folder' ? 'tag' : 'folder';
      void context.workspaceState.update('jobs.by', by);
      tree.refresh();
    },
  };
}

function fits({ job }: JobItem, wanted: string): boolean {
  return [job.name ?? '', ...job.tags].some((text) => text.toLowerCase().includes(wanted));
}

/** Each job under its folder, or under each of its tags; without a level where there is but one folder. */
function grouped(items: readonly JobItem[], by: 'folder' | 'tag'): Item[] {
  const groups = new Map<string, JobItem[]>();
  const several = new Set(items.map(({ project }) => project.dir)).size > 1;
  for (const item of items) {
    const { file, tags } = item.job;
    const slash = file.lastIndexOf('/');
    const folder = `${several ? `${item.project.name}: ` : ''}${slash < 0 ? '(project)' : file.slice(0, slash)}`;
    for (const name of by === 'folder' ? [folder] : tags.length > 0 ? tags : ['(no tag)'])
      groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  if (by === 'folder' && groups.size <= 1) return [...items];
  return [...groups].map(([name, inside]) => ({ kind: 'group', name, icon: by, items: inside }));
}

function treeItem(item: Item, runs: Runs): vscode.TreeItem {
  const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
  switch (item.kind) {
    case 'group': {
      const made = new vscode.TreeItem(item.name, Expanded);
      made.iconPath = new vscode.ThemeIcon(item.icon);
      return made;
    }
    case 'job':
      return jobItem(item, runs.last(item.project.dir, item.job.name ?? ''), Collapsed);
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

function jobItem(item: JobItem, run: RunRecord | undefined, state: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const { name, file, next, enabled, errors, warnings, tags, place } = item.job;
  const made = new vscode.TreeItem(name ?? file, state);
  const active = run !== undefined && run.endedAt === null;
  const told = !enabled ? 'off' : run ? summary(run, Date.now()) : next === null ? '' : `next ${when(next)}`;
  made.description = told;
  const problems = [errors > 0 ? `${errors} errors` : '', warnings > 0 ? `${warnings} warnings` : ''];
  const lines = [
    file,
    tags.length > 0 ? `tags: ${tags.join(', ')}` : '',
    next ? `next ${when(next)}` : '',
    ...problems,
  ];
  made.tooltip = lines.filter(Boolean).join('\n');
  made.iconPath = jobIcon(item.job, run, active);
  made.contextValue = active ? 'job.active' : 'job';
  made.command = openCommand(place);
  return made;
}

function jobIcon({ enabled, errors, warnings }: Job, run: RunRecord | undefined, active: boolean): vscode.ThemeIcon {
  if (active) return new vscode.ThemeIcon('sync~spin');
  if (errors > 0) return new vscode.ThemeIcon('error', new vscode.ThemeColor('problemsErrorIcon.foreground'));
  if (run?.state === 'failed') return stateIcon('failed');
  if (warnings > 0) return new vscode.ThemeIcon('warning', new vscode.ThemeColor('problemsWarningIcon.foreground'));
  if (!enabled) return new vscode.ThemeIcon('circle-slash');
  return run ? stateIcon(run.state) : new vscode.ThemeIcon('database');
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
