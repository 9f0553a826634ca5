import * as vscode from 'vscode';
import { type Project, type Projects, shortPath } from '../project.ts';

/** A project in a view of a window that has several. */
export interface ProjectItem {
  /** Named as in other items, so that commands on either find it. */
  project: Project;
  /** What the view lists of the project. */
  listed: unknown[];
}

export function isProjectItem(item: object): item is ProjectItem {
  return 'listed' in item;
}

/** What a view lists: of the only project as it stands, of several below each. One without anything to list is left out where `isWhole` is not set. */
export async function byProject<Item>(
  projects: Projects,
  list: (project: Project) => Promise<Item[]> | Item[],
  { isWhole = false } = {},
): Promise<(Item | ProjectItem)[]> {
  const all = await projects.load();
  if (all.length === 1) return await list(all[0]!);
  const items: ProjectItem[] = [];
  // One after the other: a plan may start a program and a server.
  for (const project of all) items.push({ project, listed: await list(project) });
  return items.filter(({ listed }) => isWhole || listed.length > 0);
}

/** The line of a project. `detail`: what is said beside its name, instead of its folder. */
export function projectLine({ project, listed }: ProjectItem, detail = shortPath(project.dir)): vscode.TreeItem {
  const { None, Expanded } = vscode.TreeItemCollapsibleState;
  const made = new vscode.TreeItem(project.name, listed.length > 0 ? Expanded : None);
  made.id = `project ${project.dir}`;
  made.iconPath = new vscode.ThemeIcon('root-folder');
  made.description = detail;
  made.tooltip = project.dir;
  made.contextValue = 'project';
  return made;
}
