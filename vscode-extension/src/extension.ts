import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { startClient } from './client.ts';
import { registerCommands } from './commands.ts';
import { followLanguage } from './language-id.ts';
import { registerViews } from './views.ts';

let client: LanguageClient | undefined;

/** Starts the language server that this extension brings, and the views and commands over it. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const started = await startClient(context);
  client = started;
  const views = registerViews(context, started);
  registerCommands(context, started, views);
  followLanguage(context, started);
  context.subscriptions.push(
    vscode.workspace.onDidGrantWorkspaceTrust(() => void vscode.commands.executeCommand('sluice.restartServer')),
  );
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}
