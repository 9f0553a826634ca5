import {
  type DocumentDiagnosticReport,
  DocumentDiagnosticReportKind,
  type WorkspaceDocumentDiagnosticReport,
} from 'vscode-languageserver/node';
import { lspFindings, Reports } from './findings.ts';
import type { ProjectFiles } from './project-files.ts';
import type { Server } from './server-state.ts';

/** Sends findings to a client that does not ask for them; tells one that does that it should ask again. */
export class Pusher {
  readonly #server: Server;
  readonly #reports = new Reports();
  readonly #waiting = new Set<ProjectFiles>();
  #planned = false;

  constructor(server: Server) {
    this.#server = server;
  }

  /** Something of a project changed: every open file of it may have other findings now. */
  changed(files: ProjectFiles): void {
    if (this.#server.pulls) return;
    this.#waiting.add(files);
    if (this.#planned) return;
    this.#planned = true;
    void others().then(() => this.#flush());
  }

  /** Files changed outside of the editor. */
  all(): void {
    if (this.#server.pulls) this.#askAgain();
    else for (const { files } of this.#server.workspace.openFiles()) this.changed(files);
  }

  /** All jobs of a project are known: what only all of them can tell can be said now. */
  whole(files: ProjectFiles): void {
    if (this.#server.pulls) this.#askAgain();
    else this.changed(files);
  }

  #askAgain(): void {
    if (this.#server.refreshes) this.#server.connection.languages.diagnostics.refresh();
  }

  closed(uri: string, files: ProjectFiles): void {
    this.#reports.forget(uri);
    if (this.#server.pulls) return;
    void this.#server.connection.sendDiagnostics({ uri, diagnostics: [] });
    this.changed(files);
  }

  #flush(): void {
    this.#planned = false;
    const waiting = new Set(this.#waiting);
    this.#waiting.clear();
    const { workspace, connection } = this.#server;
    for (const { uri, version, files, file } of workspace.openFiles()) {
      const document = waiting.has(files) ? files.document(file) : null;
      if (!document) continue;
      const diagnostics = lspFindings(document, files, workspace);
      // The version is part of the answer: a client may wait for the one that it sent.
      if (!this.#reports.note(`${uri} ${version}`, diagnostics).same)
        void connection.sendDiagnostics({ uri, version, diagnostics });
      this.#reports.forget(`${uri} ${version - 1}`);
    }
  }
}

/** Lets what has arrived already go first: whoever types waits for completion, and findings of a text that has changed are of no use. */
async function others(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done));
}

/** Answers a client that asks for findings. */
export function answerDiagnostics(server: Server): void {
  const { connection, workspace } = server;
  const reports = new Reports();
  connection.languages.diagnostics.on(
    async ({ textDocument: { uri }, previousResultId }): Promise<DocumentDiagnosticReport> => {
      await server.ready(uri);
      await others();
      const opened = workspace.find(uri);
      const document = opened?.files.document(opened.file);
      if (!opened || !document) return { kind: DocumentDiagnosticReportKind.Full, items: [] };
      const items = lspFindings(document, opened.files, workspace);
      const { id } = reports.note(uri, items);
      if (id === previousResultId) return { kind: DocumentDiagnosticReportKind.Unchanged, resultId: id };
      return { kind: DocumentDiagnosticReportKind.Full, resultId: id, items };
    },
  );
  connection.languages.diagnostics.onWorkspace(async ({ previousResultIds }, token) => {
    if (!server.workspaceDiagnostics) return { items: [] };
    await workspace.loadFolders();
    const known = new Map(previousResultIds.map(({ uri, value }) => [uri, value]));
    const items: WorkspaceDocumentDiagnosticReport[] = [];
    for (const files of await workspace.wholeProjects()) {
      const { config, jobs } = files.project.files;
      for (const document of [...(config ? [config] : []), ...jobs]) {
        if (token.isCancellationRequested) return { items };
        const uri = workspace.uriOf(files, document.file);
        const found = lspFindings(document, files, workspace);
        const { id } = reports.note(uri, found);
        const version = workspace.find(uri)?.version ?? null;
        if (known.get(uri) === id)
          items.push({ kind: DocumentDiagnosticReportKind.Unchanged, uri, version, resultId: id });
        else items.push({ kind: DocumentDiagnosticReportKind.Full, uri, version, resultId: id, items: found });
      }
    }
    return { items };
  });
}
