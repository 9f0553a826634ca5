import * as vscode from 'vscode';
import { type Connection, openCommand, type Project, type Projects } from '../project.ts';
import { askSluice, faultText, sluiceFor } from '../sluice-command.ts';
import { byProject, isProjectItem, type ProjectItem, projectLine } from './projects.ts';
import { type Tree, viewOf } from './tree.ts';

export interface ConnectionItem {
  project: Project;
  connection: Connection;
}

type Item = ConnectionItem | UserItem;
/** A job that uses the connection. */
interface UserItem {
  project: Project;
  job: string;
}

/** How a test of a connection went. */
interface Tested {
  state: 'testing' | 'ok' | 'failed';
  text: string;
}

interface Finding {
  check: string;
  stream: string | null;
  status: 'ok' | 'failed';
  message: string;
  hint: string | null;
}

export interface ConnectionsView extends Tree {
  test(item?: ConnectionItem): Promise<void>;
}

/** Connections of sluice.yaml with the jobs that use them, and a test of each. */
export function registerConnections(context: vscode.ExtensionContext, projects: Projects): ConnectionsView {
  const tested = new Map<string, Tested>();
  const keyOf = ({ project, connection }: ConnectionItem): string => `${project.dir}\0${connection.name}`;
  const of = (project: Project): ConnectionItem[] => project.connections.map((connection) => ({ project, connection }));
  const tree = viewOf<Item | ProjectItem>(context, 'sluice.connections', {
    roots: () => byProject<Item>(projects, of),
    children: (item) => {
      if (isProjectItem(item)) return item.listed as Item[];
      return 'connection' in item ? item.connection.jobs.map((job) => ({ job, project: item.project })) : [];
    },
    item: (item) => {
      if (isProjectItem(item)) return projectLine(item);
      return 'connection' in item ? connectionItem(item, tested.get(keyOf(item))) : jobItem(item);
    },
  });
  context.subscriptions.push(projects.onDidChange(() => tree.refresh()));
  return {
    ...tree,
    test: async (given) => {
      const item = given ?? (await choose((await projects.load()).flatMap(of)));
      if (!item) return;
      const program = await sluiceFor(item.project.dir);
      if (!program) return;
      const set = (state: Tested['state'], text: string): void => {
        tested.set(keyOf(item), { state, text });
        tree.refresh();
      };
      set('testing', '');
      const failure = await testConnection(program, item);
      set(failure === null ? 'ok' : 'failed', failure ?? '');
      const { name } = item.connection;
      if (failure === null) void vscode.window.showInformationMessage(`Sluice: ${name} was reached.`);
      else void vscode.window.showErrorMessage(`Sluice: ${name}: ${failure}`);
    },
  };
}

async function choose(items: readonly ConnectionItem[]): Promise<ConnectionItem | undefined> {
  const several = new Set(items.map(({ project }) => project.dir)).size > 1;
  const picks = items.map((item) => ({
    label: item.connection.name,
    description: [item.connection.type, several ? item.project.name : null].filter(Boolean).join(', '),
    item,
  }));
  return (await vscode.window.showQuickPick(picks, { placeHolder: 'Connection to test' }))?.item;
}

/** By its jobs, where it has any: they say what has to be reached; else by listing it. null: it works. */
export async function testConnection(program: string, { project, connection }: ConnectionItem): Promise<string | null> {
  const { dir } = project;
  if (connection.jobs.length === 0) {
    const { value, stderr } = await askSluice<unknown[]>(program, ['discover', connection.name, '--quiet'], dir);
    return value ? null : faultText(stderr).line;
  }
  const args = ['doctor', '--select', `connection:${connection.name}`];
  const { value, stderr } = await askSluice<Finding[]>(program, args, dir);
  if (!value) return faultText(stderr).line;
  const failed = value.filter(({ status, stream }) => status === 'failed' && stream !== null);
  const [first] = failed;
  return first
    ? `${first.stream}, ${first.check}: ${first.message}${first.hint === null ? '' : ` ${first.hint}`}`
    : null;
}

function connectionItem({ connection }: ConnectionItem, tested: Tested | undefined): vscode.TreeItem {
  const { name, type, jobs, place } = connection;
  const { None, Collapsed } = vscode.TreeItemCollapsibleState;
  const made = new vscode.TreeItem(name, jobs.length > 0 ? Collapsed : None);
  const used = jobs.length === 1 ? '1 job' : `${jobs.length} jobs`;
  made.description = tested?.state === 'testing' ? 'testing' : `${type ?? 'no type'}, ${used}`;
  const [icon, color] = {
    testing: ['sync~spin', ''],
    ok: ['pass', 'testing.iconPassed'],
    failed: ['error', 'testing.iconFailed'],
    none: ['plug', ''],
  }[tested?.state ?? 'none'];
  made.iconPath = new vscode.ThemeIcon(icon ?? 'plug', color ? new vscode.ThemeColor(color) : undefined);
  if (tested?.text) made.tooltip = tested.text;
  made.contextValue = 'connection';
  made.command = openCommand(place);
  return made;
}

function jobItem({ project, job }: UserItem): vscode.TreeItem {
  const made = new vscode.TreeItem(job, vscode.TreeItemCollapsibleState.None);
  made.iconPath = new vscode.ThemeIcon('database');
  const found = project.jobs.find(({ name }) => name === job);
  if (found) made.command = openCommand(found.place);
  return made;
}
