import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import { type Preview, previewPage, type Shown } from './preview-page.ts';
import type { FoundJob } from './project.ts';
import { askSluice, sluiceFor } from './sluice-command.ts';

const ROWS = 100;

/** First rows of jobs in a grid, one panel for each stream. */
export class Previews {
  readonly #panels = new Map<string, { panel: vscode.WebviewPanel; read(rows: number): Promise<void> }>();

  async show({ project, job }: FoundJob): Promise<void> {
    const stream =
      job.streams.length > 1 ? await vscode.window.showQuickPick(job.streams, { placeHolder: 'Stream' }) : null;
    if (stream === undefined) return;
    const address = stream === null ? job.name : `${job.name}/${stream}`;
    const program = await sluiceFor(project.dir);
    if (!program) return;
    const open = this.#panels.get(`${project.dir}/${address}`) ?? this.#open(project.dir, address, program);
    open.panel.reveal(undefined, true);
    await open.read(ROWS);
  }

  #open(
    dir: string,
    address: string,
    program: string,
  ): { panel: vscode.WebviewPanel; read(rows: number): Promise<void> } {
    const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    const panel = vscode.window.createWebviewPanel('sluice.preview', `Preview: ${address}`, place, {
      enableScripts: true,
      localResourceRoots: [],
    });
    let asked = 0;
    const read = async (rows: number): Promise<void> => {
      const mine = ++asked;
      const draw = (shown: Shown): void => {
        const nonce = randomBytes(16).toString('hex');
        // An answer that was overtaken, or that nobody waits for any more.
        if (mine === asked) panel.webview.html = previewPage(address, shown, { nonce, rows });
      };
      draw('reading');
      const { value, stderr } = await askSluice<Preview>(
        program,
        ['preview', address, '--rows', String(rows), '--quiet'],
        dir,
      );
      draw(value ? { preview: value } : { error: stderr });
    };
    const opened = { panel, read };
    this.#panels.set(`${dir}/${address}`, opened);
    panel.onDidDispose(() => {
      asked += 1;
      this.#panels.delete(`${dir}/${address}`);
    });
    panel.webview.onDidReceiveMessage(({ rows }: { rows: number }) => void read(rows));
    return opened;
  }
}
