import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

/** Gives job files of a project their language, wherever they lie; what `files.associations` says stays. */
export function followLanguage(context: vscode.ExtensionContext, client: LanguageClient): void {
  const look = async (document: vscode.TextDocument): Promise<void> => {
    if (document.languageId !== 'yaml' || document.uri.scheme !== 'file' || isAssociated(document)) return;
    const owns = await client.sendRequest<boolean>('sluice/owns', { uri: document.uri.toString() });
    if (owns && !document.isClosed) await vscode.languages.setTextDocumentLanguage(document, 'sluice');
  };
  for (const document of vscode.workspace.textDocuments) void look(document);
  context.subscriptions.push(vscode.workspace.onDidOpenTextDocument((document) => void look(document)));
}

/** Whether the user has said which language such files are of. */
function isAssociated(document: vscode.TextDocument): boolean {
  const set = vscode.workspace.getConfiguration('files', document.uri).get<Record<string, string>>('associations', {});
  return Object.keys(set).some(
    (pattern) => vscode.languages.match({ pattern: pattern.includes('/') ? pattern : `**/${pattern}` }, document) > 0,
  );
}
