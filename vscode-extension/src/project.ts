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
  name: string;
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

/** The projects of the window, as the server reads them from files; asked for again when a file was saved or changed on disk. */
export class Projects {
  readonly #client: LanguageClient;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  #loading: Promise<Project[]> | null = null;

  constructor(context: vscode.ExtensionContext, client: LanguageClient) {
    this.#client = client;
    context.subscriptions.push(
      this.#changed,
      vscode.workspace.onDidSaveTextDocument(({ languageId, fileName }) => {
        if (languageId === 'sluice' || /\.ya?ml$/.test(fileName)) this.refresh();
      }),
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.refresh()),
      client.onNotification('sluice/changed', () => this.refresh()),
    );
  }

  load(): Promise<Project[]> {
    this.#loading ??= this.#client.sendRequest<Project[]>('sluice/projects').catch(() => {
      // Asked again at the next look.
      this.#loading = null;
      return [];
    });
    return this.#loading;
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

  async jobNamed(dir: string, name: string): Promise<FoundJob | null> {
    const project = (await this.load()).find((one) => one.dir === dir);
    const job = project?.jobs.find((one) => one.name === name);
    return project && job ? { project, job: { ...job, name } } : null;
  }
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
