import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { FromPanel } from '../../../runner/dashboard/protocol.ts';
import type { Daemons } from '../daemon/api.ts';
import type { FoundJob } from '../project.ts';
import { MetricsFeed } from './feed.ts';

/** Live figures of jobs that a daemon runs, one panel for each. */
export class MetricsPanels {
  readonly #dist: vscode.Uri;
  readonly #daemons: Daemons;
  readonly #panels = new Map<string, vscode.WebviewPanel>();

  constructor(context: vscode.ExtensionContext, daemons: Daemons) {
    this.#dist = vscode.Uri.joinPath(context.extensionUri, 'dist');
    this.#daemons = daemons;
  }

  show({ project, job }: FoundJob): void {
    const key = `${project.dir}/${job.name}`;
    const open = this.#panels.get(key);
    if (open) {
      open.reveal(undefined, true);
      return;
    }
    const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    const panel = vscode.window.createWebviewPanel('sluice.metrics', `Metrics: ${job.name}`, place, {
      enableScripts: true,
      localResourceRoots: [this.#dist],
    });
    this.#panels.set(key, panel);
    const closed = new AbortController();
    const post = (message: object): void => void panel.webview.postMessage(message);
    const feed = new MetricsFeed(this.#daemons, { dir: project.dir, name: job.name }, post, closed.signal);
    panel.webview.onDidReceiveMessage(({ type }: FromPanel) => {
      if (type === 'ready') feed.tellAll();
    });
    panel.onDidDispose(() => {
      closed.abort();
      this.#panels.delete(key);
    });
    panel.webview.html = this.#page(panel.webview, job.name);
    void feed.run();
  }

  /** The page loads the two files of the package and nothing else. */
  #page(webview: vscode.Webview, job: string): string {
    const nonce = randomBytes(16).toString('hex');
    const at = (name: string): vscode.Uri => webview.asWebviewUri(vscode.Uri.joinPath(this.#dist, name));
    const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
    const name = job.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
    return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><link rel="stylesheet" href="${at('metrics.css')}"></head>
<body><div id="panel" data-job="${name}"></div><script nonce="${nonce}" src="${at('metrics.js')}"></script></body>
</html>`;
  }
}
