import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

interface Place {
  uri: string;
  position: { line: number; character: number };
}

interface Job {
  name: string | null;
  file: string;
  tags: string[];
  enabled: boolean;
  streams: string[];
  next: string | null;
  errors: number;
  warnings: number;
  place: Place;
}

interface Connection {
  name: string;
  type: string | null;
  jobs: string[];
  place: Place;
}

interface Project {
  name: string;
  dir: string;
  target: string | null;
  jobs: Job[];
  connections: Connection[];
}

export interface JobItem {
  kind: 'job';
  job: Job;
}

type Item =
  | JobItem
  | { kind: 'folder'; name: string; jobs: Job[] }
  | { kind: 'connection'; connection: Connection }
  | { kind: 'problem'; job: Job }
  | { kind: 'note'; text: string };

export interface Views {
  refresh(): void;
  filter(text: string | undefined): void;
  readonly filtered: string;
}

/** The views Jobs, Runs, Connections and Problems, from files alone: there is no daemon to ask yet, and Runs says so. */
export function registerViews(context: vscode.ExtensionContext, client: LanguageClient): Views {
  let projects: Promise<Project[]> | null = null;
  let filtered = '';
  const changed = new vscode.EventEmitter<undefined>();
  const load = (): Promise<Project[]> => (projects ??= client.sendRequest<Project[]>('sluice/projects'));
  const refresh = (): void => {
    projects = null;
    changed.fire(undefined);
  };
  const view = (id: string, roots: (projects: Project[]) => Item[]): void => {
    const provider: vscode.TreeDataProvider<Item> = {
      onDidChangeTreeData: changed.event,
      getTreeItem: treeItem,
      getChildren: async (item) => (item === undefined ? roots(await load()) : childrenOf(item)),
    };
    context.subscriptions.push(vscode.window.registerTreeDataProvider(id, provider));
  };
  view('sluice.jobs', (all) => jobRoots(all, filtered));
  view('sluice.runs', () => []);
  view('sluice.connections', (all) =>
    all.flatMap(({ connections }) => connections.map((connection) => ({ kind: 'connection' as const, connection }))),
  );
  view('sluice.problems', (all) =>
    all.flatMap(({ jobs }) =>
      jobs.flatMap((job): Item[] => (job.errors + job.warnings > 0 ? [{ kind: 'problem', job }] : [])),
    ),
  );
  context.subscriptions.push(
    changed,
    vscode.workspace.onDidSaveTextDocument(({ languageId, fileName }) => {
      if (languageId === 'sluice' || /\.ya?ml$/.test(fileName)) refresh();
    }),
    vscode.workspace.onDidChangeWorkspaceFolders(refresh),
  );
  return {
    refresh,
    filter(text) {
      if (text === undefined) return;
      filtered = text;
      changed.fire(undefined);
    },
    get filtered() {
      return filtered;
    },
  };
}

/** Jobs in the folders that they lie in; where something is sought, all that fit in one list. */
function jobRoots(projects: readonly Project[], filtered: string): Item[] {
  const jobs = projects.flatMap((project) => project.jobs);
  if (filtered !== '') {
    const wanted = filtered.toLowerCase();
    const fits = ({ name, tags }: Job): boolean =>
      [name ?? '', ...tags].some((text) => text.toLowerCase().includes(wanted));
    return jobs.filter(fits).map((job) => ({ kind: 'job', job }));
  }
  const folders = new Map<string, Job[]>();
  for (const job of jobs) {
    const folder = job.file.includes('/') ? job.file.slice(0, job.file.lastIndexOf('/')) : '';
    folders.set(folder, [...(folders.get(folder) ?? []), job]);
  }
  if (folders.size <= 1) return jobs.map((job) => ({ kind: 'job', job }));
  return [...folders].map(([name, inside]) => ({ kind: 'folder', name: name || '(project)', jobs: inside }));
}

function childrenOf(item: Item): Item[] {
  if (item.kind === 'folder') return item.jobs.map((job) => ({ kind: 'job', job }));
  if (item.kind === 'job') return item.job.streams.map((text) => ({ kind: 'note', text }));
  return item.kind === 'connection' ? item.connection.jobs.map((text) => ({ kind: 'note', text })) : [];
}

function treeItem(item: Item): vscode.TreeItem {
  const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
  switch (item.kind) {
    case 'folder':
      return new vscode.TreeItem(item.name, Expanded);
    case 'job':
      return jobItem(item, item.job.streams.length > 0 ? Collapsed : None);
    case 'connection': {
      const { name, type, jobs, place } = item.connection;
      const made = new vscode.TreeItem(name, jobs.length > 0 ? Collapsed : None);
      made.description = `${type ?? 'no type'}, ${jobs.length === 1 ? '1 job' : `${jobs.length} jobs`}`;
      made.iconPath = new vscode.ThemeIcon('plug');
      made.command = openCommand(place);
      return made;
    }
    case 'problem': {
      const { name, file, errors, warnings, place } = item.job;
      const made = new vscode.TreeItem(name ?? file, None);
      made.description = [errors > 0 ? `${errors} errors` : '', warnings > 0 ? `${warnings} warnings` : '']
        .filter(Boolean)
        .join(', ');
      made.iconPath = new vscode.ThemeIcon(errors > 0 ? 'error' : 'warning');
      made.command = openCommand(place);
      return made;
    }
    default:
      return new vscode.TreeItem(item.text, None);
  }
}

function jobItem(item: JobItem, state: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const { name, file, next, enabled, errors, tags, place } = item.job;
  const made = new vscode.TreeItem(name ?? file, state);
  made.description = !enabled ? 'off' : next === null ? '' : `next ${new Date(next).toLocaleString()}`;
  made.tooltip = [file, tags.length > 0 ? `tags: ${tags.join(', ')}` : '', errors > 0 ? `${errors} errors` : '']
    .filter(Boolean)
    .join('\n');
  made.iconPath = new vscode.ThemeIcon(errors > 0 ? 'error' : enabled ? 'database' : 'circle-slash');
  made.contextValue = 'job';
  made.command = openCommand(place);
  return made;
}

function openCommand({ uri, position }: Place): vscode.Command {
  const at = new vscode.Position(position.line, position.character);
  return {
    title: 'Open',
    command: 'vscode.open',
    arguments: [vscode.Uri.parse(uri), { selection: new vscode.Range(at, at) }],
  };
}
