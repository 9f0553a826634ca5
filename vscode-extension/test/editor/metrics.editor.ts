import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, FrameLocator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { again, Editor, quickstart, startBrowser } from './driver.ts';

/** As much of a canvas as is read here; there are no types of a browser. */
interface Context {
  getImageData(x: number, y: number, width: number, height: number): { data: Uint8ClampedArray };
}

const ROWS = 1000;

/** An API with a table for each stream of the job; those after the first wait until the test lets them go. */
class HeldApi {
  readonly #held = new Map<string, () => void>();
  readonly #free = new Set(['one']);
  readonly server: Server = createServer((request, response) => {
    const table = (request.url ?? '').slice(1);
    const send = (): void => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(Array.from({ length: ROWS }, (_, id) => ({ id, name: `${table} ${id}` }))));
    };
    if (this.#free.has(table)) send();
    else this.#held.set(table, send);
  });

  release(table: string): void {
    this.#free.add(table);
    this.#held.get(table)?.();
  }
}

const api = new HeldApi();
let browser: Browser;
let editor: Editor;
beforeAll(async () => {
  await new Promise<void>((done) => api.server.listen(0, '127.0.0.1', done));
  const { port } = api.server.address() as AddressInfo;
  const folder = quickstart();
  writeFileSync(
    join(folder, 'jobs/orders.yaml'),
    `name: orders
source:
  type: http
  base_url: http://127.0.0.1:${port}
destination:
  type: duckdb
streams:
  - name: one
    source: {path: one}
  - name: two
    source: {path: two}
  - name: three
    source: {path: three}
`,
  );
  browser = await startBrowser();
  editor = await Editor.open(browser, folder);
});
afterAll(async () => {
  await browser?.close();
  api.server.closeAllConnections();
  api.server.close();
});
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await editor.failed(task.name);
});

describe('the metrics of a job', () => {
  it('are drawn live while the daemon runs it, with its totals in words', async () => {
    await editor.views();
    await editor.command('Sluice: Start a Local Daemon');
    await editor.page
      .locator('.pane-header[aria-label^="Jobs"]')
      .filter({ hasText: /daemon 127\.0\.0\.1:\d+/ })
      .waitFor();
    await editor.command('View: Toggle Panel Visibility');
    await editor.openFile('jobs/orders.yaml');
    await editor.command('Sluice: Show Metrics');
    const panel = await editor.webview();
    await panel.getByText('The job has not run yet.').waitFor();
    await editor.command('Sluice: Start Job on the Daemon');
    const totals = panel.locator('.totals');
    await totals.filter({ hasText: 'running' }).waitFor();
    await totals.filter({ hasText: 'rows read 1,000' }).waitFor();
    await totals.filter({ hasText: 'rows rejected not known' }).waitFor();
    api.release('two');
    await totals.filter({ hasText: 'rows read 2,000' }).waitFor();
    const titles = panel.locator('.chart h2');
    for (const text of [/^Rows a second [\d,.]+\/s$/, /^Bytes a second [\d.]+ k?B\/s$/, /^Memory [\d.]+ MB$/])
      await titles.filter({ hasText: text }).waitFor();
    for (const text of [/^Rows rejected not known$/, /^Workers \d$/]) await titles.filter({ hasText: text }).waitFor();
    await editor.shot('metrics-running');
    api.release('three');
    await totals.filter({ hasText: 'succeeded' }).filter({ hasText: 'rows written 3,000' }).waitFor();
    expect(await totals.textContent()).toMatch(/rows read 3,000.*rows rejected 0.*took /);
    await panel.locator('tbody tr').filter({ hasText: 'succeeded' }).waitFor();
    await titles.filter({ hasText: /^Memory peak [\d.]+ MB$/ }).waitFor();
    await panel.getByRole('button', { name: '5 min' }).click();
    await panel.locator('button[aria-pressed="true"]').filter({ hasText: '5 min' }).waitFor();
    // The charts are painted behind the press.
    await again(async () => expect(await drawn(panel)).toEqual([true, true, true, true, true]));
    await editor.shot('metrics');
  });
});

/** Whether each chart has points that were painted in its line's colour. */
async function drawn(panel: FrameLocator): Promise<boolean[]> {
  return await panel.locator('.chart canvas').evaluateAll((all) =>
    all.map((one) => {
      const canvas = one as unknown as { width: number; height: number; getContext(kind: '2d'): Context };
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      // Axes and grid are grey: a line has a colour.
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3]! > 200 && Math.abs(data[i]! - data[i + 2]!) > 60) return true;
      return false;
    }),
  );
}
