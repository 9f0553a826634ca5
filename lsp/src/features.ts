import {
  type Completion,
  type Location as CoreLocation,
  codeActions,
  codeLenses,
  complete,
  definition,
  documentLinks,
  documentSymbols,
  foldingRanges,
  formatYaml,
  highlights,
  hover,
  inlayHints,
  type LanguageContext,
  offsetAt,
  positionAt,
  prepareRename,
  references,
  rename,
  workspaceSymbols,
} from '@sluice/core';
import {
  DocumentHighlightKind,
  ErrorCodes,
  FoldingRangeKind,
  type Location,
  type Position,
  ResponseError,
  type SymbolInformation,
} from 'vscode-languageserver/node';
import {
  actionOf,
  completionOf,
  coreRange,
  documentationOf,
  markup,
  offsetOf,
  rangeOf,
  symbolKind,
  symbolOf,
  workspaceEdit,
} from './convert.ts';
import { findingsOf, lspFindings } from './findings.ts';
import { inFolder, uriOfPath } from './paths.ts';
import type { ProjectFiles } from './project-files.ts';
import type { Server } from './server-state.ts';

interface Asked {
  context: LanguageContext;
  files: ProjectFiles;
}

/** Answers what is asked about a document, each by one of core's language functions. */
export function answerFeatures(server: Server): void {
  answerTyping(server);
  answerNames(server);
  answerStructure(server);
  answerWhole(server);
}

/** Wraps a handler: waits for the document, and answers null for one that is not ours. */
function about<P extends { textDocument: { uri: string } }, R>(
  server: Server,
  answer: (asked: Asked, params: P) => R | Promise<R>,
): (params: P) => Promise<R | null> {
  return async (params) => {
    const { uri } = params.textDocument;
    await server.ready(uri);
    const context = server.workspace.contextOf(uri);
    const opened = server.workspace.find(uri);
    return context && opened ? await answer({ context, files: opened.files }, params) : null;
  };
}

/** The same for answers that take in every file of the project. */
function aboutAll<P extends { textDocument: { uri: string } }, R>(
  server: Server,
  answer: (asked: Asked, params: P) => R | Promise<R>,
): (params: P) => Promise<R | null> {
  const answerWhole = about<P, R>(server, answer);
  return async (params) => {
    await server.ready(params.textDocument.uri);
    await server.workspace.find(params.textDocument.uri)?.files.whole;
    return await answerWhole(params);
  };
}

function at({ context }: Asked, position: Position): number {
  return offsetOf(context.document, position);
}

/** Completion, and the documentation of one of the items that were given last. */
function answerCompletion(server: Server): void {
  const { connection, workspace } = server;
  let given: readonly Completion[] = [];
  connection.onCompletion(async ({ textDocument: { uri }, position }) => {
    await server.ready(uri);
    const opened = workspace.find(uri);
    const typed = opened?.files.typed(opened.file);
    if (!typed) return null;
    const { context, owner } = typed;
    const { items, whole } = await complete(context, offsetAt(owner, position), owner.text);
    given = items;
    return { isIncomplete: !whole, items: items.map((item, i) => completionOf(item, i, owner, server.abilities)) };
  });
  connection.onCompletionResolve((item) => {
    const found = given[Number(item.data)];
    return found?.label === item.label ? { ...item, ...documentationOf(found, server.abilities) } : item;
  });
}

function answerTyping(server: Server): void {
  const { connection, workspace } = server;
  answerCompletion(server);
  connection.onHover(
    about(server, (asked, { position }) => {
      const found = hover(asked.context, at(asked, position));
      if (!found) return null;
      return { contents: markup(found.text, server.abilities), range: rangeOf(asked.context.document, found.range) };
    }),
  );
  connection.onCodeAction(
    about(server, ({ context, files }, { range, context: { only } }) => {
      const { document } = context;
      const shown = lspFindings(document, files, workspace);
      const actions = codeActions(context, coreRange(document, range), findingsOf(document, files));
      return actions
        .map((action) => actionOf(action, shown, files, workspace))
        .filter((action) => !only || only.some((kind) => action.kind === kind || action.kind?.startsWith(`${kind}.`)));
    }),
  );
}

/** Laying out a file, and the commands that the server itself knows. */
function answerWhole(server: Server): void {
  const { connection, workspace } = server;
  connection.onDocumentFormatting(
    about(server, ({ context: { document } }) => {
      const text = formatYaml(document.text);
      if (text === null || text === document.text) return [];
      return [{ range: rangeOf(document, { start: 0, end: document.text.length }), newText: text }];
    }),
  );
  connection.onExecuteCommand(async ({ command, arguments: [uri] = [] }) => {
    if (command !== 'sluice.readColumns' || typeof uri !== 'string') return null;
    await server.ready(uri);
    const opened = workspace.find(uri);
    if (!opened || !server.columns) return null;
    const answers = await server.columns.read(opened);
    if (answers === null) return null;
    return answers.map(({ result, error }) => ({ columns: result?.record.columns.length ?? 0, error: error ?? null }));
  });
}

function answerNames(server: Server): void {
  const { connection, workspace } = server;
  const locations = (found: readonly CoreLocation[], files: ProjectFiles): Location[] =>
    found.flatMap(({ file, range }) => {
      const document = files.document(file);
      return document ? [{ uri: workspace.uriOf(files, file), range: rangeOf(document, range) }] : [];
    });
  connection.onDefinition(
    about(server, (asked, { position }) => locations(definition(asked.context, at(asked, position)), asked.files)),
  );
  connection.onReferences(
    aboutAll(server, (asked, { position, context: { includeDeclaration } }) =>
      locations(references(asked.context, at(asked, position), includeDeclaration), asked.files),
    ),
  );
  connection.onDocumentHighlight(
    about(server, (asked, { position }) =>
      highlights(asked.context, at(asked, position)).map(({ range, isDefinition }) => ({
        range: rangeOf(asked.context.document, range),
        kind: isDefinition ? DocumentHighlightKind.Write : DocumentHighlightKind.Read,
      })),
    ),
  );
  connection.onPrepareRename(
    about(server, (asked, { position }) => {
      const found = prepareRename(asked.context, at(asked, position));
      return found && { range: rangeOf(asked.context.document, found.range), placeholder: found.name };
    }),
  );
  connection.onRenameRequest(
    aboutAll(server, (asked, { position, newName }) => {
      const result = rename(asked.context, at(asked, position), newName);
      if ('error' in result) throw new ResponseError(ErrorCodes.InvalidRequest, result.error);
      return workspaceEdit(result.edits, asked.files, workspace);
    }),
  );
  connection.onWorkspaceSymbol(async ({ query }): Promise<SymbolInformation[]> => {
    await workspace.loadFolders();
    const projects = await workspace.wholeProjects();
    return projects.flatMap((files) =>
      workspaceSymbols(files.project, query).flatMap(({ kind, name, container, location }) => {
        const [found] = locations([location], files);
        return found ? [{ name, kind: symbolKind(kind), containerName: container, location: found }] : [];
      }),
    );
  });
}

function answerStructure(server: Server): void {
  const { connection } = server;
  connection.onDocumentSymbol(
    about(server, ({ context }) => documentSymbols(context).map((symbol) => symbolOf(symbol, context.document))),
  );
  connection.onFoldingRanges(
    about(server, ({ context: { document }, context }) =>
      foldingRanges(context).map(({ range, kind }) => ({
        startLine: positionAt(document, range.start).line,
        endLine: positionAt(document, range.end).line,
        ...(kind === 'comment' ? { kind: FoldingRangeKind.Comment } : {}),
      })),
    ),
  );
  connection.languages.inlayHint.on(
    about(server, ({ context }, { range }) =>
      inlayHints(context, coreRange(context.document, range)).map((hint) => ({
        position: positionAt(context.document, hint.at),
        label: hint.label,
        paddingLeft: true,
      })),
    ),
  );
  connection.onDocumentLinks(
    about(server, ({ context, files }) =>
      documentLinks(context).map(({ range, path }) => ({
        range: rangeOf(context.document, range),
        target: uriOfPath(inFolder(files.dir, path)),
      })),
    ),
  );
  connection.onCodeLens(
    about(server, ({ context }, { textDocument: { uri } }) =>
      codeLenses(context).map(({ range, title, command }) => ({
        range: rangeOf(context.document, range),
        command: command
          ? { title, command: `sluice.${command.name}`, arguments: [uri, command.job] }
          : { title, command: '' },
      })),
    ),
  );
}
