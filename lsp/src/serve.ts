import { VERSION } from '@sluice/core';
import {
  type Connection,
  DidChangeConfigurationNotification,
  DidChangeWatchedFilesNotification,
  type InitializeParams,
  type InitializeResult,
  TextDocumentSyncKind,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { type Asks, ColumnsReader, type WorkerCommand } from './columns.ts';
import { answerDiagnostics, Pusher } from './diagnostics.ts';
import { COLUMNS_FOLDER } from './disk.ts';
import { answerFeatures } from './features.ts';
import { answerOverview } from './overview.ts';
import { pathOfUri } from './paths.ts';
import type { Server } from './server-state.ts';
import { Workspace } from './workspace.ts';

/** What a client may hand over when it starts the server. */
interface InitOptions {
  /** Findings of files that are not open, where the client asks for them. */
  workspaceDiagnostics?: boolean;
  /**
   * Program and arguments of the worker that reads columns; false: none is started. `client`: the client is asked for each project
   * (`sluice/columnsWorker`, `{dir}`), and answers with them or with null.
   */
  columnsWorker?: string[] | 'client' | false;
  /** Whether columns of sources elsewhere are read when a file is opened; left out: only by the command `sluice.readColumns`. */
  remoteColumns?: 'ask' | 'onOpen' | 'never';
  /** false: no code lenses; for clients that have no commands `sluice.run` and `sluice.preview`. */
  codeLenses?: boolean;
}

/** Answers a client on a connection until it ends. */
export function serve(connection: Connection, own: { columnsWorker?: readonly string[] } = {}): void {
  const server: Server = {
    connection,
    workspace: new Workspace(),
    abilities: { snippets: false, adjustsIndentation: false, markdown: true, resolvesDocumentation: false },
    pulls: false,
    refreshes: false,
    refreshesLenses: false,
    listsProjects: false,
    workspaceDiagnostics: false,
    columns: null,
    ready: async (uri) => await opening.get(uri),
  };
  const opening = new Map<string, Promise<void>>();
  const pusher = new Pusher(server);
  let client: InitializeParams['capabilities'] = {};
  connection.onInitialize((params) => {
    client = params.capabilities;
    const command =
      (params.initializationOptions as InitOptions | undefined)?.columnsWorker ?? own.columnsWorker ?? false;
    if (command) {
      const remote = (params.initializationOptions as InitOptions | undefined)?.remoteColumns ?? 'command';
      const commandOf: WorkerCommand = async (dir) =>
        command === 'client' ? await connection.sendRequest('sluice/columnsWorker', { dir }) : command;
      server.columns = new ColumnsReader(commandOf, {
        found: (files) => pusher.whole(files),
        remote,
        asks: ask(server),
      });
    }
    return initialize(server, params);
  });
  connection.onInitialized(() => registerWatchers(server, client));
  server.workspace.onWhole = (files) => pusher.whole(files);
  followDocuments(server, opening, pusher);
  followFolders(server, pusher);
  answerDiagnostics(server);
  answerFeatures(server);
  answerOverview(server);
  connection.onShutdown(() => server.columns?.stop());
  connection.listen();
}

const READ = { title: 'Read columns' };

function ask({ connection }: Server): Asks {
  return async (message) => {
    const answer = await connection.window.showInformationMessage(message, READ, { title: 'Not now' });
    return answer?.title === READ.title;
  };
}

function initialize(server: Server, params: InitializeParams): InitializeResult {
  const { capabilities } = params;
  const options = (params.initializationOptions ?? {}) as InitOptions;
  const item = capabilities.textDocument?.completion?.completionItem;
  const hoverFormat = capabilities.textDocument?.hover?.contentFormat;
  server.abilities = {
    snippets: item?.snippetSupport === true,
    adjustsIndentation: item?.insertTextModeSupport?.valueSet.includes(2) === true,
    markdown: hoverFormat === undefined || hoverFormat.includes('markdown'),
    resolvesDocumentation: item?.resolveSupport?.properties.includes('documentation') === true,
  };
  server.pulls = capabilities.textDocument?.diagnostic !== undefined;
  server.refreshesLenses = capabilities.workspace?.codeLens?.refreshSupport === true;
  server.refreshes = capabilities.workspace?.diagnostics?.refreshSupport === true;
  server.workspaceDiagnostics = server.pulls && options.workspaceDiagnostics === true;
  const folders = params.workspaceFolders?.map(({ uri }) => uri) ?? (params.rootUri ? [params.rootUri] : []);
  server.workspace.folders = folders.flatMap((uri) => pathOfUri(uri) ?? []);
  return {
    serverInfo: { name: 'sluice', version: VERSION },
    capabilities: {
      positionEncoding: 'utf-16',
      textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: false },
      completionProvider: {
        resolveProvider: server.abilities.resolvesDocumentation,
        triggerCharacters: [' ', ':', '-', '$', '{', '[', ',', '/', '"', '.'],
      },
      hoverProvider: true,
      definitionProvider: true,
      referencesProvider: true,
      documentHighlightProvider: true,
      renameProvider: { prepareProvider: true },
      documentSymbolProvider: true,
      workspaceSymbolProvider: true,
      documentLinkProvider: {},
      foldingRangeProvider: true,
      documentFormattingProvider: true,
      executeCommandProvider: { commands: ['sluice.readColumns'] },
      inlayHintProvider: true,
      codeActionProvider: { codeActionKinds: ['quickfix', 'refactor.rewrite'] },
      ...(options.codeLenses === false ? {} : { codeLensProvider: {} }),
      ...(server.pulls
        ? {
            diagnosticProvider: {
              identifier: 'sluice',
              interFileDependencies: true,
              workspaceDiagnostics: server.workspaceDiagnostics,
            },
          }
        : {}),
      workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
    },
  };
}

/** Documents are taken in one after the other; an edit of a version that was overtaken is dropped. */
function followDocuments(server: Server, opening: Map<string, Promise<void>>, pusher: Pusher): void {
  const { connection, workspace } = server;
  const texts = new Map<string, TextDocument>();
  const take = async (text: TextDocument): Promise<void> => {
    const opened = await workspace.put(text.uri, text.languageId, text.version, text.getText());
    if (!opened) return;
    pusher.changed(opened.files);
    server.columns?.touched(opened);
  };
  connection.onDidOpenTextDocument(({ textDocument: { uri, languageId, version, text } }) => {
    const document = TextDocument.create(uri, languageId, version, text);
    texts.set(uri, document);
    opening.set(uri, take(document).catch(report(server)));
  });
  connection.onDidChangeTextDocument(({ textDocument: { uri, version }, contentChanges }) => {
    const document = texts.get(uri);
    if (!document || version <= document.version) return;
    TextDocument.update(document, contentChanges, version);
    const opened = workspace.find(uri);
    if (!opened) {
      opening.set(uri, (opening.get(uri) ?? Promise.resolve()).then(() => take(document)).catch(report(server)));
      return;
    }
    opened.version = version;
    opened.files.open(opened.file, document.getText());
    pusher.changed(opened.files);
    server.columns?.touched(opened);
  });
  connection.onDidCloseTextDocument(({ textDocument: { uri } }) => {
    texts.delete(uri);
    const closed = (opening.get(uri) ?? Promise.resolve()).then(() => {
      if (texts.has(uri)) return;
      opening.delete(uri);
      const opened = workspace.drop(uri);
      server.columns?.closed(uri);
      if (opened) pusher.closed(uri, opened.files);
    });
    opening.set(uri, closed);
  });
}

function report(server: Server): (error: unknown) => void {
  return (error) =>
    server.connection.console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

function followFolders(server: Server, pusher: Pusher): void {
  const { connection, workspace } = server;
  connection.onNotification(
    'workspace/didChangeWorkspaceFolders',
    ({ event }: { event: { added: { uri: string }[]; removed: { uri: string }[] } }) => {
      const removed = new Set(event.removed.flatMap(({ uri }) => pathOfUri(uri) ?? []));
      workspace.folders = [
        ...workspace.folders.filter((folder) => !removed.has(folder)),
        ...event.added.flatMap(({ uri }) => pathOfUri(uri) ?? []),
      ];
    },
  );
  connection.onDidChangeWatchedFiles(async ({ changes }) => {
    if (!(await workspace.changed(changes.map(({ uri }) => uri)))) return;
    pusher.all();
    if (server.listsProjects) void connection.sendNotification('sluice/changed');
  });
  // What a client knows of runs: shown by code lenses, from memory.
  connection.onNotification('sluice/runs', async ({ uri, runs }: { uri: string; runs: Record<string, never> }) => {
    const dir = pathOfUri(uri);
    for (const files of await workspace.projects()) if (files.dir === dir) files.runs = new Map(Object.entries(runs));
    if (server.refreshesLenses) connection.sendRequest('workspace/codeLens/refresh').catch(() => {});
  });
}

function registerWatchers({ connection }: Server, client: InitializeParams['capabilities']): void {
  if (client.workspace?.didChangeConfiguration?.dynamicRegistration)
    void connection.client.register(DidChangeConfigurationNotification.type, { section: 'sluice' });
  if (!client.workspace?.didChangeWatchedFiles?.dynamicRegistration) return;
  void connection.client.register(DidChangeWatchedFilesNotification.type, {
    watchers: [{ globPattern: '**/*.{yaml,yml}' }, { globPattern: `**/${COLUMNS_FOLDER}/*.json` }],
  });
}
