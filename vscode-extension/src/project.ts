import { basename, dirname, sep } from 'node:path';
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

export interface Place {
  uri: string;
  position: { line: number; character: number };
}

export interface Job {
  name: string | null;
  file: string;
  tags: string[];
  enabled: boolean;
  streams: string[];
  /** When it fires next, ISO 8601. */
  next: string | null;
  errors: number;
  warnings: number;
  place: Place;
}

export interface Connection {
  name: string;
  type: string | null;
  jobs: string[];
  place: Place;
}

export interface Project {
  /** Its own, else that of its folder. */
  name: string;
  /** Whether sluice.yaml gives the name. */
  isNamed: boolean;
  /** Its folder on this machine. */
  dir: string;
  target: string | null;
  jobs: Job[];
  connections: Connection[];
}

/** A job with the project that it belongs to. */
export interface FoundJob {
  project: Project;
  job: Job & { name: string };
}

const CONFIG = 'sluice.yaml';
/** Where a sluice.yaml is no project of anybody's here. */
const NO_PROJECTS = '**/{node_modules,.git,.sluice,.venv}/**';
/** Projects of a window. */
const MOST = 200;

/** The projects of the window, as the server reads them from files; asked for again when a file was saved or changed on disk. */
export class Projects {
  readonly #client: LanguageClient;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #loading: Promise<Project[]> | null = null;
  /** Folders with a sluice.yaml; searched again when one is made or removed. */
  #dirs: Promise<string[]> | null = null;

  constructor(context: vscode.ExtensionContext, client: LanguageClient) {
    this.#client = client;
    const configs = vscode.workspace.createFileSystemWatcher(`**/${CONFIG}`, false, true);
    const refresh = (): void => this.refresh();
    const search = (): void => {
      this.#dirs = null;
      this.refresh();
    };
    context.subscriptions.push(
      this.#changed,
      configs,
      configs.onDidCreate(search),
      configs.onDidDelete(search),
      vscode.workspace.onDidSaveTextDocument(({ languageId, fileName }) => {
        if (languageId === 'sluice' || /\.ya?ml$/.test(fileName)) this.refresh();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(search),
      client.onNotification('sluice/changed', refresh),
    );
  }

  /** Those at the top of the window's folders and below, by name. */
  load(): Promise<Project[]> {
    this.#loading ??= this.#ask().catch(() => {
      // Asked again at the next look.
      this.#loading = null;
      return [];
    });
    return this.#loading;
  }

  async #ask(): Promise<Project[]> {
    this.#dirs ??= projectDirs();
    const dirs = await this.#dirs;
    type Told = Omit<Project, 'name' | 'isNamed'> & { name: string | null };
    const told = await this.#client.sendRequest<Told[]>('sluice/projects', { dirs });
    const projects = told.map((one) => ({ ...one, name: one.name ?? basename(one.dir), isNamed: one.name !== null }));
    void vscode.commands.executeCommand('setContext', 'sluice.projects', projects.length);
    return projects.sort((a, b) => a.name.localeCompare(b.name) || a.dir.localeCompare(b.dir));
  }

  /** The project that a file lies in: of one inside another, the inner one. */
  async at(uri: vscode.Uri | undefined): Promise<Project | null> {
    const inside = (await this.load()).filter(({ dir }) => uri?.fsPath.startsWith(dir + sep));
    return inside.sort((a, b) => b.dir.length - a.dir.length)[0] ?? null;
  }

  /** The project that is meant where nothing names one: the only one, else the one that is chosen, that of the file in front first. */
  async choose(placeHolder: string): Promise<Project | null> {
    const projects = await this.load();
    if (projects.length === 0) {
      const make = 'Make a Project';
      const text = 'Sluice: there is no project in this window yet.';
      if ((await vscode.window.showInformationMessage(text, make)) === make) await this.make();
      return (await this.load())[0] ?? null;
    }
    if (projects.length === 1) return projects[0] ?? null;
    const front = await this.at(vscode.window.activeTextEditor?.document.uri);
    const picks = [...projects]
      .sort((a, b) => Number(b === front) - Number(a === front))
      .map((project) => ({ label: project.name, description: shortPath(project.dir), project }));
    return (await vscode.window.showQuickPick(picks, { placeHolder, matchOnDescription: true }))?.project ?? null;
  }

  refresh(): void {
    this.#loading = null;
    this.#changed.fire();
  }

  /** The job of a file, as it stands in the editor: its name may be new. */
  async jobAt(uri: vscode.Uri): Promise<FoundJob | null> {
    for (const project of await this.load()) {
      const job = project.jobs.find(({ place }) => vscode.Uri.parse(place.uri).fsPath === uri.fsPath);
      const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());
      const name = (document && nameIn(document.getText())) ?? job?.name;
      if (job && name) return { project, job: { ...job, name } };
    }
    return null;
  }

  /** Writes the sluice.yaml of a folder that has none, and opens it. */
  async make(): Promise<void> {
    const folders = vscode.workspace.workspaceFolders ?? [];
    const folder = folders.length > 1 ? await vscode.window.showWorkspaceFolderPick() : folders[0];
    if (!folder) return;
    const config = vscode.Uri.joinPath(folder.uri, CONFIG);
    const isThere = await vscode.workspace.fs.stat(config).then(
      () => true,
      () => false,
    );
    const name = folder.name.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, '-');
    if (!isThere) await vscode.workspace.fs.writeFile(config, Buffer.from(`version: 1\nname: ${name}\n`));
    await vscode.window.showTextDocument(config);
    this.#dirs = null;
    this.refresh();
  }

  async jobNamed(dir: string, name: string): Promise<FoundJob | null> {
    const project = (await this.load()).find((one) => one.dir === dir);
    const job = project?.jobs.find((one) => one.name === name);
    return project && job ? { project, job: { ...job, name } } : null;
  }
}

async function projectDirs(): Promise<string[]> {
  const found = await vscode.workspace.findFiles(`**/${CONFIG}`, NO_PROJECTS, MOST);
  return found.filter(({ scheme }) => scheme === 'file').map(({ fsPath }) => dirname(fsPath));
}

/** For commands that want the target named wherever a project has any. */
export function targetOption(target: string | null): string[] {
  return target === null ? [] : ['--target', target];
}

/** A folder as it is called in this window. */
export function shortPath(dir: string): string {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(dir));
  return folder?.uri.fsPath === dir ? folder.name : vscode.workspace.asRelativePath(dir, true);
}

function nameIn(text: string): string | undefined {
  return /^name:\s*["']?([a-z][a-z0-9_]*)/m.exec(text)?.[1];
}

export function openCommand({ uri, position }: Place): vscode.Command {
  const at = new vscode.Position(position.line, position.character);
  return {
    title: 'Open',
    command: 'vscode.open',
    arguments: [vscode.Uri.parse(uri), { selection: new vscode.Range(at, at) }],
  };
}
