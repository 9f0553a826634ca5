import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import * as vscode from 'vscode';

const NAMES = process.platform === 'win32' ? ['sluice.cmd', 'sluice.exe'] : ['sluice'];

/**
 * The `sluice` program for a folder: the setting `sluice.path`, then the one in `node_modules` of it or of a folder above, as far as
 * the workspace goes, then PATH. null: there is none, or the workspace is not trusted, since whatever is run reads its files.
 */
export function findSluice(dir: string | null): string | null {
  if (!vscode.workspace.isTrusted) return null;
  const set = vscode.workspace.getConfiguration('sluice').get<string>('path', '').trim();
  if (set !== '') return isProgram(set) ? set : null;
  const own = dir === null ? [] : foldersAbove(dir).map((at) => join(at, 'node_modules', '.bin'));
  const folders = [...own, ...(process.env.PATH ?? '').split(delimiter).filter((part) => part !== '')];
  for (const at of folders) for (const name of NAMES) if (isProgram(join(at, name))) return join(at, name);
  return null;
}

/** A folder and those above it that lie in the same folder of the workspace. */
function foldersAbove(dir: string): string[] {
  const top = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(dir))?.uri.fsPath;
  const found: string[] = [];
  for (let at = dir; top !== undefined && at.startsWith(top); at = dirname(at)) {
    found.push(at);
    if (at === top) break;
  }
  return found;
}

const INSTALL = 'npm install --save-dev @sluice/runner';

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The program for a project's folder; where there is none, says so and how to get one. */
export async function sluiceFor(dir: string): Promise<string | null> {
  const program = findSluice(dir);
  if (!program) await offerInstall();
  return program;
}

/** Says that there is no program, and how to get one. */
export async function offerInstall(): Promise<void> {
  if (!vscode.workspace.isTrusted) {
    const manage = 'Manage Workspace Trust';
    const text = 'Sluice runs nothing in a workspace that is not trusted; completion and checks work.';
    if ((await vscode.window.showWarningMessage(text, manage)) === manage)
      await vscode.commands.executeCommand('workbench.trust.manage');
    return;
  }
  const set = vscode.workspace.getConfiguration('sluice').get<string>('path', '').trim();
  const copy = 'Copy the Install Line';
  const settings = 'Open the Setting';
  const text =
    set === ''
      ? `Sluice: its program was not found, neither in node_modules of this folder nor on PATH. \`${INSTALL}\` brings it; the setting sluice.path names one elsewhere.`
      : `Sluice: the setting sluice.path names ${set}, where no program is.`;
  const buttons = set === '' ? [copy, settings] : [settings];
  const chosen = await vscode.window.showWarningMessage(text, ...buttons);
  if (chosen === copy) await vscode.env.clipboard.writeText(INSTALL);
  if (chosen === settings) await vscode.commands.executeCommand('workbench.action.openSettings', 'sluice.path');
}

/** What a command wrote to stdout and stderr. */
export interface Output {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the program to its end, without a terminal. `signal` ends it. */
export async function runSluice(
  program: string,
  args: readonly string[],
  cwd: string,
  signal?: AbortSignal,
): Promise<Output> {
  const env = { ...process.env, NO_COLOR: '1' };
  const child = spawn(program, [...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal ? { signal } : {}),
  });
  const read = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      read[name] += chunk;
    });
  }
  return await new Promise((done) => {
    child.once('error', ({ message }) => done({ code: null, stdout: '', stderr: message }));
    child.once('close', (code) => done({ code, ...read }));
  });
}

/** What a command said of its fault: the first line without its code, for a place that has one line, and all of it. */
export function faultText(stderr: string): { line: string; whole: string } {
  const [first = ''] = stderr.split('\n', 1);
  return { line: first.replace(/^error\[[\w/-]+\]: /, ''), whole: stderr };
}

/** The JSON that a command wrote, also where it ended with a fault; null: it wrote none, and `stderr` says why. */
export async function askSluice<T>(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<{ value: T | null; stderr: string }> {
  const { stdout, stderr } = await runSluice(program, [...args, '--json'], cwd);
  try {
    return { value: JSON.parse(stdout) as T, stderr };
  } catch {
    return { value: null, stderr: stderr.trim() || stdout.trim() || 'it wrote nothing' };
  }
}
