import * as vscode from 'vscode';
import type { DaemonJobs } from '../daemon/jobs.ts';
import type { Project, Projects } from '../project.ts';
import type { Runs } from '../runs/runs.ts';
import { History } from './history.ts';
import { type Item, type JobItem, projectItem, reached, treeItem } from './job-items.ts';
import { byProject, isProjectItem, type ProjectItem } from './projects.ts';
import { type Tree, viewOf } from './tree.ts';

export interface JobsView extends Tree {
  filter(): Promise<void>;
  showAll(): void;
  group(): void;
}

/** Jobs by project, folder or tag: how they are, when they fire next, and under each its streams and last runs. */
export function registerJobs(
  context: vscode.ExtensionContext,
  projects: Projects,
  runs: Runs,
  daemon: DaemonJobs,
): JobsView {
  let wanted = '';
  let by: 'folder' | 'tag' = context.workspaceState.get('jobs.by', 'folder');
  const history = new History();
  const listed = (project: Project): Item[] => {
    const items = project.jobs.map((job): JobItem => ({ kind: 'job', project, job }));
    return wanted === '' ? grouped(items, by) : items.filter((item) => fits(item, wanted.toLowerCase()));
  };
  const tree = viewOf<Item | ProjectItem>(context, 'sluice.jobs', {
    roots: async () => {
      const all = await projects.load();
      const faulty = all.flatMap(({ jobs }) => jobs).filter(({ errors }) => errors > 0).length;
      tree.badge(faulty, faulty === 1 ? '1 job has errors' : `${faulty} jobs have errors`);
      const found = await byProject(projects, listed, { isWhole: wanted === '' });
      const from =
        all.length === 1 ? reached(daemon, all[0]!.dir).text : all.length > 1 ? `${all.length} projects` : '';
      tree.describe(wanted === '' ? from : `“${wanted}”`);
      tree.tell(wanted !== '' && found.length === 0 ? `No job’s name or tag holds “${wanted}”.` : '');
      return found;
    },
    children: async (item) => {
      if (isProjectItem(item)) return item.listed as Item[];
      if (item.kind === 'group') return item.items;
      if (item.kind !== 'job') return [];
      const streams = item.job.streams.map((stream): Item => ({ kind: 'stream', item, stream }));
      const { stored, note } = await history.of(item.project.dir, item.job.name);
      const last = stored.map((run): Item => ({ kind: 'run', run }));
      return [...streams, ...last, ...(note === null ? [] : [{ kind: 'note' as const, text: note }])];
    },
    item: (item) => (isProjectItem(item) ? projectItem(item, daemon) : treeItem(item, runs, daemon)),
  });
  context.subscriptions.push(
    projects.onDidChange(() => tree.refresh()),
    daemon.onDidChange(() => tree.refresh()),
    daemon.onDidEnd(({ dir, job }) => history.forget(dir, job)),
    runs.onDidChange(({ dir, job, endedAt }) => {
      if (endedAt !== null) history.forget(dir, job);
      tree.refresh();
    }),
  );
  const want = (text: string): void => {
    wanted = text.trim();
    void vscode.commands.executeCommand('setContext', 'sluice.filtered', wanted !== '');
    tree.refresh();
  };
  return {
    ...tree,
    refresh: () => {
      history.clear();
      tree.refresh();
    },
    filter: async () => {
      const prompt = 'Show only jobs whose name or tag holds (empty: all)';
      const text = await vscode.window.showInputBox({ prompt, value: wanted });
      if (text !== undefined) want(text);
    },
    showAll: () => want(''),
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
  for (const item of items) {
    const { file, tags } = item.job;
    const slash = file.lastIndexOf('/');
    const folder = slash < 0 ? '(project)' : file.slice(0, slash);
    for (const name of by === 'folder' ? [folder] : tags.length > 0 ? tags : ['(no tag)'])
      groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  if (by === 'folder' && groups.size <= 1) return [...items];
  const inOrder = [...groups].sort(
    ([a], [b]) => Number(a === '(no tag)') - Number(b === '(no tag)') || a.localeCompare(b),
  );
  return inOrder.map(([name, inside]) => ({ kind: 'group', name, icon: by, items: inside }));
}
