import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { findSluice, offerInstall } from './sluice-command.ts';
import type { JobItem, Views } from './views.ts';

/** Registers every command of the palette, the views and the code lenses. */
export function registerCommands(context: vscode.ExtensionContext, client: LanguageClient, views: Views): void {
  const on = (name: string, run: (...args: never[]) => unknown): void => {
    context.subscriptions.push(vscode.commands.registerCommand(`sluice.${name}`, run));
  };
  on('run', (target?: string | JobItem, job?: string) => runJob('run', target, job));
  on('preview', (target?: string | JobItem, job?: string) => runJob('preview', target, job));
  on('validate', () => runInTerminal(['validate'], currentUri()));
  on('refresh', () => views.refresh());
  on('restartServer', () => client.restart());
  on('filterJobs', async () =>
    views.filter(
      await vscode.window.showInputBox({ prompt: 'Show only jobs whose name or tag holds', value: views.filtered }),
    ),
  );
  on('newJob', newJob);
}

function currentUri(): vscode.Uri | undefined {
  return vscode.window.activeTextEditor?.document.uri ?? vscode.workspace.workspaceFolders?.[0]?.uri;
}

/** From a code lens (address and name), a view (its item) or the palette (the file that is open). */
async function runJob(command: 'run' | 'preview', target?: string | JobItem, job?: string): Promise<void> {
  const fromView = typeof target === 'object' ? target.job : null;
  const uri = fromView
    ? vscode.Uri.parse(fromView.place.uri)
    : typeof target === 'string'
      ? vscode.Uri.parse(target)
      : currentUri();
  const name = fromView?.name ?? job ?? nameIn(uri);
  if (!uri || !name) {
    void vscode.window.showInformationMessage('Open a job file first, or choose a job in the view Jobs.');
    return;
  }
  // The program reads files, not editors.
  await vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString())?.save();
  await runInTerminal([command, name], uri);
}

function nameIn(uri: vscode.Uri | undefined): string | null {
  const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri?.toString());
  return document ? (/^name:\s*["']?([a-z][a-z0-9_]*)/m.exec(document.getText())?.[1] ?? null) : null;
}

/** Runs the program as a task, so that its output stays, its end is seen, and it can be stopped. */
async function runInTerminal(args: readonly string[], uri: vscode.Uri | undefined): Promise<void> {
  const folder = (uri && vscode.workspace.getWorkspaceFolder(uri)) ?? vscode.workspace.workspaceFolders?.[0];
  const program = findSluice(folder);
  if (!program) return await offerInstall();
  const cwd = uri && uri.scheme === 'file' ? vscode.Uri.joinPath(uri, '..').fsPath : folder?.uri.fsPath;
  const isFolder = uri?.toString() === folder?.uri.toString();
  const options = { cwd: (isFolder ? folder?.uri.fsPath : cwd) ?? '.' };
  const task = new vscode.Task(
    { type: 'sluice', command: args.join(' ') },
    folder ?? vscode.TaskScope.Workspace,
    `sluice ${args.join(' ')}`,
    'sluice',
    new vscode.ProcessExecution(program, [...args], options),
  );
  task.presentationOptions = {
    reveal: vscode.TaskRevealKind.Always,
    panel: vscode.TaskPanelKind.Dedicated,
    clear: true,
  };
  await vscode.tasks.executeTask(task);
}

/** A job file that is filled in by completing; nothing is written before it is saved. */
async function newJob(): Promise<void> {
  const document = await vscode.workspace.openTextDocument({ language: 'sluice', content: '' });
  const editor = await vscode.window.showTextDocument(document);
  await editor.insertSnippet(
    new vscode.SnippetString(
      'name: ${1:my_job}\nsource:\n  type: $2\n  path: $3\ndestination:\n  type: $4\n  table: ${5:my_table}\n$0',
    ),
  );
}
