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
  context.subscriptions.push(
    client,
    client.onRequest('sluice/columnsWorker', ({ dir }: { dir: string }) => {
      const program = findSluice(dir);
      return program === null ? null : [program, 'columns-worker'];
    }),
  );
  return client;
}

/**
 * Asked for at each start, so that a restart follows the settings. The columns worker runs a program of the workspace, each project's its
 * own: only where the workspace is trusted.
 */
function initOptions(): Record<string, unknown> {
  const settings = vscode.workspace.getConfiguration('sluice');
  const reads = settings.get<boolean>('columns.read', true);
  return {
    codeLenses: settings.get<boolean>('codeLenses', true),
    workspaceDiagnostics: settings.get<boolean>('workspaceDiagnostics', false),
    remoteColumns: settings.get<string>('columns.remote', 'ask'),
    columnsWorker: vscode.workspace.isTrusted && reads ? 'client' : false,
  };
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
