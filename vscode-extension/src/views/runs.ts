import * as vscode from 'vscode';
import { openCommand, type Projects } from '../project.ts';
import { type RunRecord, summary } from '../runs/record.ts';
import type { Runs } from '../runs/runs.ts';
import { stateIcon } from './job-items.ts';
import { type Tree, viewOf } from './tree.ts';

export interface RunItem {
  run: RunRecord;
}

type Item = RunItem | { text: string; icon: string };

/** Runs that were started in this window, the newest first; under each its streams and errors. */
export function registerRuns(context: vscode.ExtensionContext, projects: Projects, runs: Runs): Tree {
  /** Names of the projects, by folder, where there are several. */
  let named = new Map<string, string>();
  const tree = viewOf<Item>(context, 'sluice.runs', {
    roots: async () => {
      const list = runs.list();
      const all = await projects.load();
      named = new Map(all.length > 1 ? all.map(({ dir, name }) => [dir, name]) : []);
      const active = list.filter(({ endedAt }) => endedAt === null).length;
      tree.badge(active, active === 1 ? '1 job is running' : `${active} jobs are running`);
      return list.map((run) => ({ run }));
    },
    children: (item) => ('run' in item ? details(item.run) : []),
    item: (item) => treeItem(item, 'run' in item ? named.get(item.run.dir) : undefined),
  });
  context.subscriptions.push(
    runs.onDidChange(() => tree.refresh()),
    vscode.commands.registerCommand('sluice.internal.openJobOf', async ({ dir, job }: RunRecord) => {
      const found = await projects.jobNamed(dir, job);
      const open = found && openCommand(found.job.place);
      if (open) await vscode.commands.executeCommand(open.command, ...(open.arguments ?? []));
    }),
  );
  return tree;
}

function details({ streams, errors }: RunRecord): Item[] {
  const each = Object.entries(streams).map(([name, { phase, rows, estimated }]): Item => {
    const read = rows > 0 ? `, ${estimated ? '~' : ''}${rows.toLocaleString('en-US')} rows read` : '';
    return { text: `${name}: ${phase}${read}`, icon: phase === 'done' ? 'check' : 'list-flat' };
  });
  return [...each, ...errors.map(({ code, message }): Item => ({ text: `${code}: ${message}`, icon: 'error' }))];
}

function treeItem(item: Item, project: string | undefined): vscode.TreeItem {
  const { None, Collapsed } = vscode.TreeItemCollapsibleState;
  if (!('run' in item)) {
    const made = new vscode.TreeItem(item.text, None);
    made.iconPath = new vscode.ThemeIcon(item.icon);
    made.tooltip = item.text;
    return made;
  }
  const { run } = item;
  const made = new vscode.TreeItem(run.job, Collapsed);
  // Its identity keeps what is unfolded open while it changes.
  made.id = `${run.dir}/${run.job}/${run.startedAt}`;
  made.description = `${project === undefined ? '' : `${project}, `}${summary(run, Date.now())}`;
  made.tooltip = `${run.state}, started ${new Date(run.startedAt).toLocaleTimeString()}${run.id === null ? '' : `\nrun ${run.id}`}`;
  made.iconPath = run.endedAt === null ? new vscode.ThemeIcon('sync~spin') : stateIcon(run.state);
  made.contextValue = run.endedAt === null ? 'run.active' : 'run';
  made.command = { title: 'Open', command: 'sluice.internal.openJobOf', arguments: [run] };
  return made;
}
