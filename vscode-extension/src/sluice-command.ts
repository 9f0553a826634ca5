import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import * as vscode from 'vscode';

const NAMES = process.platform === 'win32' ? ['sluice.cmd', 'sluice.exe'] : ['sluice'];

/**
 * The `sluice` program: the setting `sluice.path`, then the workspace's own where the workspace is trusted, then PATH. null: there
 * is none.
 */
export function findSluice(folder: vscode.WorkspaceFolder | undefined): string | null {
  const set = vscode.workspace.getConfiguration('sluice').get<string>('path', '').trim();
  if (set !== '') return isProgram(set) ? set : null;
  const own = folder && vscode.workspace.isTrusted ? [join(folder.uri.fsPath, 'node_modules', '.bin')] : [];
  const folders = [...own, ...(process.env.PATH ?? '').split(delimiter).filter((part) => part !== '')];
  for (const at of folders) for (const name of NAMES) if (isProgram(join(at, name))) return join(at, name);
  return null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Says that there is no program, and how to get one. */
export async function offerInstall(): Promise<void> {
  const copy = 'Copy the install line';
  const settings = 'Open the setting';
  const chosen = await vscode.window.showWarningMessage(
    'The `sluice` program was not found: neither in the setting sluice.path, nor in node_modules of this folder, nor on PATH.',
    copy,
    settings,
  );
  if (chosen === copy) await vscode.env.clipboard.writeText('npm install --save-dev @sluice/runner');
  if (chosen === settings) await vscode.commands.executeCommand('workbench.action.openSettings', 'sluice.path');
}
