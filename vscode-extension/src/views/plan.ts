import { join } from 'node:path';
import * as vscode from 'vscode';
import { type Project, type Projects, targetOption } from '../project.ts';
import { askSluice, faultText, findSluice } from '../sluice-command.ts';
import { byProject, isProjectItem, type ProjectItem, projectLine } from './projects.ts';
import { type Tree, viewOf } from './tree.ts';

interface Change {
  address: string;
  action: 'create' | 'update' | 'delete' | 'none';
  file: string;
  fields: { path: string; old: unknown; new: unknown }[];
  effects: { message: string; destructive: boolean }[];
  reason: string;
}

interface Plan {
  project: string;
  changes: Change[];
  problems: { file: string; message?: string }[];
}

export interface ChangeItem {
  dir: string;
  change: Change;
}

/** `more`: what is said where the pointer rests; else the text. */
type Item = ChangeItem | { text: string; icon: string; color?: string; more?: string };

export interface PlanView extends Tree {
  diff(item: ChangeItem): Promise<void>;
}

const SCHEME = 'sluice-plan';
const ICONS: Readonly<Record<Change['action'], [icon: string, color: string]>> = {
  create: ['diff-added', 'gitDecoration.addedResourceForeground'],
  update: ['diff-modified', 'gitDecoration.modifiedResourceForeground'],
  delete: ['diff-removed', 'gitDecoration.deletedResourceForeground'],
  none: ['circle-outline', 'foreground'],
};

/** What this working tree would change of what is applied, job by job. Asked of the program when the view is looked at. */
export function registerPlan(context: vscode.ExtensionContext, projects: Projects): PlanView {
  let asked: Promise<(Item | ProjectItem)[]> | null = null;
  const texts = new Map<string, string>();
  const load = async (): Promise<(Item | ProjectItem)[]> => {
    const items = await byProject<Item>(projects, planOf);
    const all = items.flatMap((item) => (isProjectItem(item) ? (item.listed as Item[]) : [item]));
    const changes = all.filter((item) => 'change' in item).length;
    tree.describe(changes === 0 ? '' : changes === 1 ? '1 change' : `${changes} changes`);
    return items;
  };
  const refresh = (): void => {
    asked = null;
    tree.refresh();
  };
  const tree: Tree = viewOf<Item | ProjectItem>(
    context,
    'sluice.plan',
    {
      roots: async () => {
        if (!tree.isVisible()) return [];
        asked ??= load();
        return await asked;
      },
      children: (item) => {
        if (isProjectItem(item)) return item.listed as Item[];
        return 'change' in item ? details(item.change) : [];
      },
      item: (item) => (isProjectItem(item) ? projectLine(item) : treeItem(item)),
    },
    () => asked ?? refresh(),
  );
  context.subscriptions.push(
    projects.onDidChange(refresh),
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
      provideTextDocumentContent: (uri) => texts.get(uri.toString()) ?? '',
    }),
  );
  return {
    ...tree,
    refresh,
    diff: async ({ change }) => {
      const side = (name: 'applied' | 'files', value: (field: Change['fields'][number]) => unknown): vscode.Uri => {
        const uri = vscode.Uri.from({
          scheme: SCHEME,
          path: `/${change.address}.yaml`,
          query: `${name}-${Date.now()}`,
        });
        texts.set(uri.toString(), change.fields.map((field) => `${field.path}: ${valueText(value(field))}\n`).join(''));
        return uri;
      };
      const title = `${change.address}: applied ↔ files`;
      await vscode.commands.executeCommand(
        'vscode.diff',
        side('applied', (f) => f.old),
        side('files', (f) => f.new),
        title,
      );
    },
  };
}

async function planOf({ dir, target }: Project): Promise<Item[]> {
  const program = findSluice(dir);
  if (!program) return [{ text: 'The plan is not known: no `sluice` program', icon: 'info' }];
  const { value, stderr } = await askSluice<Plan>(program, ['plan', '--quiet', ...targetOption(target)], dir);
  if (!value) {
    const { line, whole } = faultText(stderr);
    return [{ text: line, icon: 'error', color: 'problemsErrorIcon.foreground', more: whole }];
  }
  const changes = value.changes.filter(({ action }) => action !== 'none').map((change): Item => ({ dir, change }));
  const problems = value.problems.map(
    ({ file, message }): Item => ({
      text: `${file}: ${message ?? 'has errors'}`,
      icon: 'error',
      color: 'problemsErrorIcon.foreground',
    }),
  );
  const found = [...changes, ...problems];
  return found.length > 0 ? found : [{ text: 'nothing would change', icon: 'check' }];
}

function details({ fields, effects }: Change): Item[] {
  return [
    ...fields.map(
      ({ path, old, new: now }): Item => ({ text: `${path}: ${valueText(old)} → ${valueText(now)}`, icon: 'edit' }),
    ),
    ...effects.map(
      ({ message, destructive }): Item => ({
        text: message,
        icon: destructive ? 'warning' : 'info',
        ...(destructive ? { color: 'problemsWarningIcon.foreground' } : {}),
      }),
    ),
  ];
}

function valueText(value: unknown): string {
  return value === undefined || value === null
    ? '(default)'
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);
}

function treeItem(item: Item): vscode.TreeItem {
  const { None, Collapsed } = vscode.TreeItemCollapsibleState;
  if (!('change' in item)) {
    const made = new vscode.TreeItem(item.text, None);
    made.iconPath = new vscode.ThemeIcon(item.icon, item.color ? new vscode.ThemeColor(item.color) : undefined);
    made.tooltip = item.more ?? item.text;
    return made;
  }
  const { change, dir } = item;
  const made = new vscode.TreeItem(change.address, Collapsed);
  const [icon, color] = ICONS[change.action];
  made.iconPath = new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
  made.description = change.action;
  made.tooltip = change.reason;
  made.contextValue = change.fields.length > 0 ? 'change.fields' : 'change';
  if (change.action !== 'delete')
    made.command = { title: 'Open', command: 'vscode.open', arguments: [vscode.Uri.file(join(dir, change.file))] };
  return made;
}
