import * as vscode from 'vscode';
import type { CodeAction, LanguageClient, Range, WorkspaceEdit } from 'vscode-languageclient/node';
import type { Projects } from '../project.ts';
import type { RunError, RunRecord } from './record.ts';
import type { Runs } from './runs.ts';

interface Failure {
  uri: vscode.Uri;
  job: string;
  dir: string;
  error: RunError;
  range: vscode.Range;
}

interface PlaceOfError {
  range: Range;
  fixes: { title: string; edit: WorkspaceEdit }[];
}

/**
 * What a run failed of, as a problem on the key that caused it: until that key is edited or the job runs again. Apart from the
 * server's findings, which come from the text alone.
 */
export class Failures implements vscode.CodeActionProvider {
  readonly #client: LanguageClient;
  readonly #projects: Projects;
  readonly #shown = vscode.languages.createDiagnosticCollection('sluice run');
  #failures: Failure[] = [];

  constructor(context: vscode.ExtensionContext, client: LanguageClient, projects: Projects, runs: Runs) {
    this.#client = client;
    this.#projects = projects;
    context.subscriptions.push(
      this.#shown,
      runs.onDidChange((record) => void this.#follow(record)),
      vscode.workspace.onDidChangeTextDocument((event) => this.#edited(event)),
      vscode.commands.registerCommand('sluice.internal.mended', (error: RunError) => {
        this.#failures = this.#failures.filter((one) => one.error !== error);
        this.#show();
      }),
      vscode.languages.registerCodeActionsProvider({ language: 'sluice' }, this, {
        providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
      }),
    );
  }

  async #follow({ dir, job, state, endedAt, errors }: RunRecord): Promise<void> {
    const isNew = endedAt !== null && state === 'failed';
    if (isNew || this.#failures.some((one) => one.dir === dir && one.job === job))
      await this.show(dir, job, isNew ? errors : []);
  }

  /** The errors of a job's last run take the place of those before. */
  async show(dir: string, job: string, errors: readonly RunError[]): Promise<void> {
    this.#failures = this.#failures.filter((one) => one.dir !== dir || one.job !== job);
    const found = errors.length > 0 ? await this.#projects.jobNamed(dir, job) : null;
    for (const error of found ? errors : []) {
      const uri = vscode.Uri.parse(found!.job.place.uri);
      const place = await this.#placeOf(uri, error);
      if (!place) continue;
      const range = this.#client.protocol2CodeConverter.asRange(place.range);
      this.#failures.push({ uri, job, dir, error, range });
    }
    this.#show();
  }

  async #placeOf(uri: vscode.Uri, error: RunError): Promise<PlaceOfError | null> {
    return await this.#client.sendRequest<PlaceOfError | null>('sluice/runError', { uri: uri.toString(), error });
  }

  #show(): void {
    const byFile = new Map<string, vscode.Diagnostic[]>();
    for (const { uri, error, range } of this.#failures) {
      const hint = error.hint === null ? '' : `\n${error.hint}`;
      const shown = new vscode.Diagnostic(range, `${error.message}${hint}`, vscode.DiagnosticSeverity.Error);
      Object.assign(shown, { source: 'sluice run', code: error.code });
      byFile.set(uri.toString(), [...(byFile.get(uri.toString()) ?? []), shown]);
    }
    this.#shown.clear();
    for (const [uri, list] of byFile) this.#shown.set(vscode.Uri.parse(uri), list);
  }

  /** What is edited may be mended; what stands below it moves along. */
  #edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const uri = document.uri.toString();
    if (contentChanges.length === 0 || !this.#failures.some((one) => one.uri.toString() === uri)) return;
    this.#failures = this.#failures.flatMap((failure): Failure[] => {
      if (failure.uri.toString() !== uri) return [failure];
      let { range } = failure;
      for (const change of contentChanges) {
        if (change.range.end.line >= range.start.line && change.range.start.line <= range.end.line) return [];
        if (change.range.end.line > range.end.line) continue;
        const lines = change.text.split('\n').length - 1 - (change.range.end.line - change.range.start.line);
        range = new vscode.Range(range.start.translate(lines), range.end.translate(lines));
      }
      return [{ ...failure, range }];
    });
    this.#show();
  }

  /** The fixes, for the file as it is now. */
  async provideCodeActions(document: vscode.TextDocument, range: vscode.Range): Promise<vscode.CodeAction[]> {
    const actions: vscode.CodeAction[] = [];
    for (const failure of this.#failures) {
      if (failure.uri.toString() !== document.uri.toString() || !failure.range.intersection(range)) continue;
      const place = await this.#placeOf(document.uri, failure.error);
      const mended = (this.#shown.get(document.uri) ?? []).filter((one) => one.range.isEqual(failure.range));
      for (const { title, edit } of place?.fixes ?? []) {
        const made = await this.#client.protocol2CodeConverter.asCodeAction({
          title,
          edit,
          kind: 'quickfix',
        } satisfies CodeAction);
        if (!made) continue;
        made.diagnostics = [...mended];
        made.isPreferred = true;
        made.command = { title, command: 'sluice.internal.mended', arguments: [failure.error] };
        actions.push(made);
      }
    }
    return actions;
  }
}
