import {
  type Completion,
  type CodeAction as CoreAction,
  type Diagnostic as CoreDiagnostic,
  type TextEdit as CoreEdit,
  type Range as CoreRange,
  type DocumentSymbol as CoreSymbol,
  type Document,
  offsetAt,
  plainSnippet,
  positionAt,
  type WorkspaceEdits,
} from '@sluice/core';
import {
  type CodeAction,
  type CompletionItem,
  CompletionItemKind,
  type Diagnostic,
  DiagnosticSeverity,
  type DocumentSymbol,
  InsertTextFormat,
  InsertTextMode,
  MarkupKind,
  type Position,
  type Range,
  SymbolKind,
  type TextEdit,
  type WorkspaceEdit,
} from 'vscode-languageserver/node';
import type { ProjectFiles } from './project-files.ts';
import type { Workspace } from './workspace.ts';

/** What the client can take. */
export interface ClientAbilities {
  snippets: boolean;
  /** It indents further lines of an insertion by itself where it is asked to. */
  adjustsIndentation: boolean;
  markdown: boolean;
  /** It asks for the documentation of an item of a completion when somebody reads it. */
  resolvesDocumentation: boolean;
}

export function rangeOf(owner: { text: string }, { start, end }: CoreRange): Range {
  return { start: positionAt(owner, start), end: positionAt(owner, end) };
}

export function offsetOf(document: Document, position: Position): number {
  return offsetAt(document, position);
}

export function coreRange(document: Document, { start, end }: Range): CoreRange {
  return { start: offsetAt(document, start), end: offsetAt(document, end) };
}

const SEVERITIES = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  info: DiagnosticSeverity.Information,
} as const;

export function diagnosticOf(
  found: CoreDiagnostic,
  document: Document,
  files: ProjectFiles,
  workspace: Workspace,
): Diagnostic {
  const related = (found.related ?? []).flatMap(({ message, file, range }) => {
    const other = file === document.file ? document : files.document(file);
    return other ? [{ message, location: { uri: workspace.uriOf(files, file), range: rangeOf(other, range) } }] : [];
  });
  return {
    range: rangeOf(document, found.range),
    severity: SEVERITIES[found.severity],
    code: found.code,
    source: 'sluice',
    message: found.message,
    ...(related.length > 0 ? { relatedInformation: related } : {}),
  };
}

const COMPLETION_KINDS: Readonly<Record<Completion['kind'], CompletionItemKind>> = {
  key: CompletionItemKind.Property,
  value: CompletionItemKind.EnumMember,
  type: CompletionItemKind.TypeParameter,
  column: CompletionItemKind.Field,
  connection: CompletionItemKind.Interface,
  job: CompletionItemKind.Reference,
  variable: CompletionItemKind.Variable,
  snippet: CompletionItemKind.Snippet,
  file: CompletionItemKind.File,
  folder: CompletionItemKind.Folder,
  function: CompletionItemKind.Function,
};

export function completionOf(
  item: Completion,
  index: number,
  owner: { text: string },
  abilities: ClientAbilities,
): CompletionItem {
  const range = rangeOf(owner, item.range);
  const text = abilities.snippets ? item.insert : plainSnippet(item.insert);
  const isSnippet = abilities.snippets && item.insert !== plainSnippet(item.insert);
  const newText = abilities.adjustsIndentation || abilities.snippets ? text : indented(text, owner, item.range.start);
  return {
    label: item.label,
    kind: COMPLETION_KINDS[item.kind],
    ...(item.detail ? { detail: item.detail } : {}),
    ...(abilities.resolvesDocumentation ? { data: index } : documentationOf(item, abilities)),
    insertTextFormat:
      abilities.snippets && (isSnippet || item.insert.includes('\\'))
        ? InsertTextFormat.Snippet
        : InsertTextFormat.PlainText,
    ...(abilities.adjustsIndentation ? { insertTextMode: InsertTextMode.adjustIndentation } : {}),
    // The order is the language's: what is required first.
    sortText: String(index).padStart(4, '0'),
    filterText: item.filter ?? item.label,
    textEdit: { range, newText },
    ...(item.preselect ? { preselect: true } : {}),
  };
}

/** What an item of a completion is, in words. */
export function documentationOf(item: Completion, abilities: ClientAbilities): Pick<CompletionItem, 'documentation'> {
  const text = item.documentation?.() ?? '';
  return text === '' ? {} : { documentation: markup(text, abilities) };
}

function indented(text: string, owner: { text: string }, offset: number): string {
  const { line } = positionAt(owner, offset);
  const start = offsetAt(owner, { line, character: 0 });
  const lead = /^[ \t]*/.exec(owner.text.slice(start, offset))?.[0] ?? '';
  return text.replaceAll('\n', `\n${lead}`);
}

export function markup(text: string, abilities: ClientAbilities): { kind: MarkupKind; value: string } {
  if (abilities.markdown) return { kind: MarkupKind.Markdown, value: text };
  return { kind: MarkupKind.PlainText, value: text.replace(/\*\*|```\w*\n?|`/g, '') };
}

const SYMBOL_KINDS: Readonly<Record<CoreSymbol['kind'], SymbolKind>> = {
  job: SymbolKind.Module,
  key: SymbolKind.Object,
  list: SymbolKind.Array,
  value: SymbolKind.Property,
  stream: SymbolKind.Namespace,
  column: SymbolKind.Field,
  connection: SymbolKind.Interface,
  channel: SymbolKind.Event,
  variable: SymbolKind.Variable,
};

export function symbolOf(symbol: CoreSymbol, document: Document): DocumentSymbol {
  return {
    name: symbol.name || '(no name)',
    detail: symbol.detail,
    kind: SYMBOL_KINDS[symbol.kind],
    range: rangeOf(document, symbol.range),
    selectionRange: rangeOf(document, symbol.selection),
    children: symbol.children.map((child) => symbolOf(child, document)),
  };
}

export function symbolKind(kind: CoreSymbol['kind']): SymbolKind {
  return SYMBOL_KINDS[kind];
}

export function editsOf(edits: readonly CoreEdit[], document: Document): TextEdit[] {
  return edits.map(({ range, text }) => ({ range: rangeOf(document, range), newText: text }));
}

export function workspaceEdit(edits: WorkspaceEdits, files: ProjectFiles, workspace: Workspace): WorkspaceEdit {
  const changes: Record<string, TextEdit[]> = {};
  for (const [file, list] of edits) {
    const document = files.document(file);
    if (document) changes[workspace.uriOf(files, file)] = editsOf(list, document);
  }
  return { changes };
}

export function actionOf(
  action: CoreAction,
  diagnostics: readonly Diagnostic[],
  files: ProjectFiles,
  workspace: Workspace,
): CodeAction {
  const mended = action.diagnostic === null ? undefined : diagnostics[action.diagnostic];
  return {
    title: action.title,
    kind: action.kind === 'quickfix' ? 'quickfix' : 'refactor.rewrite',
    edit: workspaceEdit(action.edits, files, workspace),
    ...(action.preferred ? { isPreferred: true } : {}),
    ...(mended ? { diagnostics: [mended] } : {}),
  };
}
