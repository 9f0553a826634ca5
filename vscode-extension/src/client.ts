import * as vscode from 'vscode';
import { LanguageClient, TransportKind } from 'vscode-languageclient/node';
import { findSluice, offerInstall } from './sluice-command.ts';

/** The client of the server, which is one for the window and told of its folders. Not started yet. */
export function makeClient(context: vscode.ExtensionContext): LanguageClient {
  const module = context.asAbsolutePath('dist/server.mjs');
  const client = new LanguageClient(
    'sluice',
    'Sluice',
    { module, transport: TransportKind.stdio },
    {
      documentSelector: [{ language: 'sluice' }],
      initializationOptions: initOptions,
      // The client registers the commands that the server knows; from the palette they come without an address.
      middleware: {
        executeCommand: (command, args, next) =>
          command === 'sluice.readColumns' ? readColumns(args, next) : next(command, args),
      },
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher('**/{*.yaml,*.yml,.sluice/columns/*.json}') },
    },
  );
  context.subscriptions.push(client);
  return client;
}

/** Asked for at each start, so that a restart follows the settings. The columns worker runs a program of the workspace: only where it is trusted. */
function initOptions(): Record<string, unknown> {
  const settings = vscode.workspace.getConfiguration('sluice');
  const program = vscode.workspace.isTrusted ? columnsProgram() : null;
  const reads = settings.get<boolean>('columns.read', true);
  return {
    codeLenses: settings.get<boolean>('codeLenses', true),
    workspaceDiagnostics: settings.get<boolean>('workspaceDiagnostics', false),
    remoteColumns: settings.get<string>('columns.remote', 'ask'),
    columnsWorker: program && reads ? [program, 'columns-worker'] : false,
  };
}

/** The program of the first folder on this machine that has one: it is started with the folder of each project that is asked about. */
function columnsProgram(): string | null {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const local = folders.filter(({ uri }) => uri.scheme === 'file').map(({ uri }) => findSluice(uri.fsPath));
  return folders.length === 0 ? findSluice(null) : (local.find((found) => found !== null) ?? null);
}

type Send = (command: string, args: unknown[]) => vscode.ProviderResult<unknown>;
type Answers = { columns: number; error: { message: string } | null }[] | null;

/** Has the columns of a source read, of the file in front where none is named, and says how it went. */
async function readColumns(args: unknown[], send: Send): Promise<void> {
  const uri = args[0] ?? vscode.window.activeTextEditor?.document.uri.toString();
  if (uri === undefined) return;
  const answers = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: 'Sluice: reading columns' },
    async () => (await send('sluice.readColumns', [uri])) as Answers,
  );
  if (!answers) return await offerInstall();
  const failed = answers.find(({ error }) => error !== null)?.error;
  if (failed) void vscode.window.showWarningMessage(`Sluice: ${failed.message}`);
  else {
    const columns = answers.reduce((sum, one) => sum + one.columns, 0);
    void vscode.window.setStatusBarMessage(`Sluice: ${columns} columns read`, 5000);
  }
}
