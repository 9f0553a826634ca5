import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import type { Project, Projects } from './project.ts';
import { askSluice, faultText, findSluice } from './sluice-command.ts';

interface SourceChoice {
  type: string;
  title: string;
  text: string;
}

/** What a connection holds, as `sluice discover` lists it. */
interface Found {
  name: string;
  text: string;
  settings: Record<string, unknown>;
}

/** Where a job is to read from. */
interface Chosen {
  type: string;
  connection: string | null;
  found: Found | null;
}

const NAME = /^[a-z][a-z0-9_]*$/;

/** Makes a job file: from a connection that is tried and listed on the way, or from a system's own example. */
export async function newJob(client: LanguageClient, projects: Projects, project: Project): Promise<void> {
  const chosen = await chooseSource(client, project);
  if (!chosen) return;
  const taken = new Set(project.jobs.map(({ name }) => name));
  const name = await vscode.window.showInputBox({
    prompt: 'Name of the job',
    value: free(chosen.found?.name ?? chosen.connection ?? chosen.type, taken),
    validateInput: (text) => {
      if (!NAME.test(text)) return 'Small letters, digits and _, a letter first';
      return taken.has(text) ? 'There is a job of this name' : null;
    },
  });
  if (name === undefined) return;
  const { type, connection, found } = chosen;
  const text = await client.sendRequest<string | null>('sluice/newJob', {
    name,
    type,
    connection,
    settings: found?.settings ?? null,
  });
  const path = join(project.dir, 'jobs', `${name}.yaml`);
  if (text === null || existsSync(path)) {
    void vscode.window.showErrorMessage(`Sluice: ${path} is there already.`);
    return;
  }
  const uri = vscode.Uri.file(path);
  await vscode.workspace.fs.writeFile(uri, Buffer.from(text));
  projects.refresh();
  const editor = await vscode.window.showTextDocument(uri);
  const end = editor.document.lineAt(2).range.end;
  editor.selection = new vscode.Selection(end, end);
  // What a connection listed was reached already.
  if (found) return;
  const test = 'Test It';
  const said = `${name} reads an example’s place: put yours in, then test whether it is reached.`;
  if ((await vscode.window.showInformationMessage(said, test)) === test)
    await vscode.commands.executeCommand('sluice.testJob', uri.toString(), name);
}

async function chooseSource(client: LanguageClient, project: Project): Promise<Chosen | undefined> {
  const types = await client.sendRequest<SourceChoice[]>('sluice/sources');
  const titles = new Map(types.map(({ type, title }) => [type, title]));
  const usable = project.connections.filter(({ type }) => type !== null && titles.has(type));
  const separator = (label: string) => ({ label, kind: vscode.QuickPickItemKind.Separator, chosen: null });
  const picks = [
    ...(usable.length > 0 ? [separator('connections of this project')] : []),
    ...usable.map(({ name, type }) => ({
      label: `$(plug) ${name}`,
      description: titles.get(type ?? '') ?? '',
      chosen: { type: type ?? '', connection: name, found: null },
    })),
    separator('systems'),
    ...types.map(({ type, title, text }) => ({
      label: `$(database) ${title}`,
      detail: text,
      chosen: { type, connection: null, found: null },
    })),
  ];
  const picked = await vscode.window.showQuickPick(picks, {
    placeHolder: 'Where do the rows come from?',
    matchOnDetail: true,
  });
  const chosen = picked?.chosen ?? undefined;
  return chosen?.connection ? await list(project, chosen.connection, chosen.type) : chosen;
}

/** Tries a connection by listing what it holds. Where that fails the reason is shown, and the job can be written all the same. */
async function list(project: Project, connection: string, type: string): Promise<Chosen | undefined> {
  const plain: Chosen = { type, connection, found: null };
  const program = findSluice(project.dir);
  if (!program) return plain;
  const { value, stderr } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: `Sluice: trying ${connection}` },
    () => askSluice<Found[]>(program, ['discover', connection, '--quiet'], project.dir),
  );
  if (!value) {
    const go = 'Write the job all the same';
    const chosen = await vscode.window.showWarningMessage(`Sluice: ${connection}: ${faultText(stderr).line}`, go);
    return chosen === go ? plain : undefined;
  }
  const picks = [
    ...value.map((found) => ({ label: found.name, description: found.text, found })),
    { label: 'Something else', description: 'written by hand', found: null },
  ];
  const placeHolder = `${connection} was reached and listed: what is to be loaded?`;
  const picked = await vscode.window.showQuickPick(picks, { placeHolder, matchOnDescription: true });
  return picked && { ...plain, found: picked.found };
}

/** A name that is not taken, made of a word. */
function free(word: string, taken: ReadonlySet<string | null>): string {
  const base =
    word
      .toLowerCase()
      .replaceAll(/[^a-z0-9_]+/g, '_')
      .replace(/^[^a-z]+/, '') || 'job';
  for (let i = 1; ; i++) {
    const name = i === 1 ? base : `${base}_${i}`;
    if (!taken.has(name)) return name;
  }
}
