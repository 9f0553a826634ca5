import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { makeClient } from './client.ts';
import { registerCommands } from './commands.ts';
import { followLanguage } from './language-id.ts';
import { registerViews } from './views.ts';

let client: LanguageClient | undefined;

/** Registers views and commands, and starts the language server that this extension brings. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const made = makeClient(context);
  client = made;
  const views = registerViews(context, made);
  registerCommands(context, made, views);
  // Trust may be granted while the server starts: what it was told then is told anew.
  const grant = vscode.workspace.onDidGrantWorkspaceTrust(async () => {
    await starting;
    await made.restart();
    views.refresh();
  });
  context.subscriptions.push(grant);
  const starting = made.start();
  try {
    await starting;
  } catch (error) {
    void vscode.window.showErrorMessage(`Sluice: the language server did not start: ${String(error)}`);
    return;
  }
  followLanguage(context, made);
  views.refresh();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}
