import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Editor, quickstart, startBrowser } from './driver.ts';

const SALES = `name: sales
source:
  type: local
  path: sales.csv
  format: csv
columns:
  - name: amount
    type: double
destination:
  type: duckdb
`;

let browser: Browser;
let editor: Editor;
beforeAll(async () => {
  const folder = quickstart();
  writeFileSync(join(folder, 'jobs/sales.yaml'), SALES);
  writeFileSync(join(folder, 'sales.csv'), `id,amount\n9007199254740993,2.50\n2,x\n${'3,1\n'.repeat(30)}`);
  browser = await startBrowser();
  editor = await Editor.open(browser, folder);
});
afterAll(async () => await browser?.close());
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await editor.failed(task.name);
});

describe('running jobs', () => {
  it('lists the jobs of the project', async () => {
    await editor.views();
    await editor.rows('Jobs').filter({ hasText: 'airports' }).waitFor();
    expect(await editor.names('Jobs')).toEqual(['airports', 'flights', 'sales', 'zipcodes']);
    expect(await editor.names('Connections')).toEqual(['files']);
    await editor.shot('views');
  });

  it('previews rows with their types in a grid', async () => {
    await editor.openFile('jobs/airports.yaml');
    await editor.lens('Preview').click();
    const grid = await editor.webview();
    await grid
      .locator('td')
      .filter({ hasText: /^Thigpen$/ })
      .waitFor();
    expect(await grid.locator('th').allTextContents()).toEqual(expect.arrayContaining(['iatatext', 'latitudedouble']));
    expect(await grid.locator('tbody tr').count()).toBe(100);
    await editor.shot('preview');
  });

  it('runs a job in a terminal, and the views, the log and the code lens tell of it', async () => {
    await editor.press('Control+1');
    await editor.lens('Run').click();
    await editor.rows('Runs').filter({ hasText: 'airports' }).filter({ hasText: '3,376 rows' }).waitFor();
    await editor.terminal().filter({ hasText: '3,376 rows written to duckdb: airports' }).waitFor();
    await editor.rows('Jobs').filter({ hasText: 'airports' }).filter({ hasText: '3,376 rows' }).waitFor();
    await editor.lens('last ok').waitFor();
    await editor.shot('run');
    await editor.command('Sluice: Show Log of Runs');
    await editor.page
      .locator('.part.panel .view-line')
      .filter({ hasText: /airports:\s+succeeded/ })
      .waitFor();
    await editor.shot('log');
  });

  it('shows earlier runs under a job', async () => {
    await editor.rows('Jobs').filter({ hasText: 'airports' }).locator('.monaco-tl-twistie').click();
    await editor.rows('Jobs').filter({ hasText: 'succeeded, 3,376 rows' }).last().waitFor();
    await editor.shot('history');
  });

  it('stops a run before its commit', async () => {
    await editor.openFile('jobs/flights.yaml');
    await editor.command('Sluice: Run Job');
    const run = editor.rows('Runs').filter({ hasText: 'flights' });
    await run.filter({ hasText: /load, ~?[\d.]+/ }).waitFor();
    await editor.shot('running');
    await run.hover();
    await run.locator('.action-label[aria-label="Stop Run"]').click();
    await run.filter({ hasText: 'cancelled' }).waitFor();
    await editor.shot('stopped');
  });

  it('shows what a run failed of at the key that caused it, with a fix that mends it', async () => {
    await editor.openFile('jobs/sales.yaml');
    await editor.lens('Run').click();
    await editor.squiggles('error').first().waitFor();
    const problems = await editor.problems();
    expect(problems.join('\n')).toContain('sales.csv, row 2: amount does not fit its declared type');
    expect(problems.join('\n')).toContain('type/value');
    await editor.goBehind('jobs/sales.yaml', 'type: dou');
    await editor.shot('failed');
    await editor.fix('Set such rows aside');
    await editor.page.locator('.view-line').filter({ hasText: 'on_bad_row' }).waitFor();
    await editor.squiggles('error').first().waitFor({ state: 'detached' });
    await editor.shot('mended');
    await editor.lens('Run').click();
    await editor
      .rows('Runs')
      .filter({ hasText: /sales.*31 rows/ })
      .waitFor();
    await editor.squiggles('error').first().waitFor({ state: 'detached' });
    expect(readFileSync(join(editor.folder, 'jobs/sales.yaml'), 'utf8')).toContain('on_bad_row: quarantine');
  });

  it('tests a connection', async () => {
    const connection = editor.rows('Connections').filter({ hasText: 'files' });
    await connection.hover();
    await connection.locator('.action-label[aria-label="Test Connection"]').click();
    await editor.notifications().filter({ hasText: 'files was reached' }).waitFor();
  });

  it('shows what the files would change of what is applied', async () => {
    await editor.expand('Plan');
    await editor.rows('Plan').filter({ hasText: 'airports' }).waitFor();
    expect(await editor.names('Plan')).toEqual([
      'airports',
      'flights',
      'flights/delays_by_origin',
      'sales',
      'zipcodes',
    ]);
    await editor.shot('plan');
  });
});
