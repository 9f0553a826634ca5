import * as vscode from 'vscode';
import { LanguageClient, TransportKind } from 'vscode-languageclient/node';
import { findSluice } from './sluice-command.ts';

/** Starts the server; one for the window, told of its folders. */
export async function startClient(context: vscode.ExtensionContext): Promise<LanguageClient> {
  const module = context.asAbsolutePath('dist/server.mjs');
  const client = new LanguageClient(
    'sluice',
    'Sluice',
    { module, transport: TransportKind.stdio },
    {
      documentSelector: [{ language: 'sluice' }],
      initializationOptions: initOptions,
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher('**/{*.yaml,*.yml,.sluice/columns/*.json}') },
    },
  );
  context.subscriptions.push(client);
  await client.start();
  return client;
}

/** Asked for at each start, so that a restart follows the settings. The columns worker runs a program of the workspace: only where it is trusted. */
function initOptions(): Record<string, unknown> {
  const settings = vscode.workspace.getConfiguration('sluice');
  const folder = vscode.workspace.workspaceFolders?.[0];
  const isLocal = folder === undefined || folder.uri.scheme === 'file';
  const program = vscode.workspace.isTrusted && isLocal ? findSluice(folder) : null;
  const reads = settings.get<boolean>('columns.read', true);
  return {
    codeLenses: settings.get<boolean>('codeLenses', true),
    workspaceDiagnostics: settings.get<boolean>('workspaceDiagnostics', false),
    columnsWorker: program && reads ? [program, 'columns-worker'] : false,
  };
}
