import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { again, Editor, quickstart, root, startBrowser } from './driver.ts';

const SALES = `name: sales
tags: [money]
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

const DIGITS = `name: digits
source:
  type: local
  path: digits.csv
columns:
  - name: amount
    type: decimal(38,10)
destination:
  type: duckdb
`;

/** Files enough that it runs far longer than it takes to stop it. */
const YEARS = `name: years
source:
  type: local
  path: years/*.parquet
destination:
  type: duckdb
`;

const DAYS = `name: days
tags: [money, daily]
source:
  type: local
  path: days/\${window:start|%Y-%m-%d}.csv
columns:
  - name: at
    type: timestamp
incremental:
  type: window
  column: at
  every: day
destination:
  type: duckdb
  write_disposition: replace
`;

let browser: Browser;
let editor: Editor;
beforeAll(async () => {
  const folder = quickstart();
  writeFileSync(join(folder, 'jobs/sales.yaml'), SALES);
  writeFileSync(join(folder, 'jobs/digits.yaml'), DIGITS);
  writeFileSync(join(folder, 'digits.csv'), 'id,amount\n9007199254740993,1234567890123456789012345678.0123456789\n');
  writeFileSync(join(folder, 'jobs/days.yaml'), DAYS);
  mkdirSync(join(folder, 'days'));
  for (const day of ['2026-01-01', '2026-01-02', '2026-01-03'])
    writeFileSync(join(folder, `days/${day}.csv`), `id,at\n1,${day} 08:00:00\n2,${day} 09:00:00\n`);
  writeFileSync(join(folder, 'sales.csv'), `id,amount\n9007199254740993,2.50\n2,x\n${'3,1\n'.repeat(30)}`);
  writeFileSync(join(folder, 'jobs/years.yaml'), YEARS);
  mkdirSync(join(folder, 'years'));
  const flights = join(root, 'node_modules/vega-datasets/data/flights-3m.parquet');
  for (let year = 1960; year < 2020; year++) symlinkSync(flights, join(folder, `years/${year}.parquet`));
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
    await editor.lists('Jobs', ['airports', 'days', 'digits', 'flights', 'sales', 'years', 'zipcodes']);
    await editor.lists('Connections', ['files']);
    await editor.shot('views');
  });

  it('shows only jobs whose name or tag holds a text, and groups them by tag', async () => {
    await editor.command('Sluice: Filter Jobs');
    await editor.fill('Show only jobs', 'MONEY');
    await editor.header('Jobs').filter({ hasText: '“MONEY”' }).waitFor();
    await editor.rows('Jobs').filter({ hasText: 'airports' }).waitFor({ state: 'detached' });
    await editor.lists('Jobs', ['days', 'sales']);
    await editor.command('Sluice: Show All Jobs');
    await editor.rows('Jobs').filter({ hasText: 'airports' }).waitFor();
    await editor.command('Sluice: Group Jobs by Folder or Tag');
    await editor.rows('Jobs').filter({ hasText: 'no tag' }).waitFor();
    await editor.lists('Jobs', [
      ...['daily', 'days', 'money', 'days', 'sales', '(no tag)', 'airports', 'digits', 'flights', 'years', 'zipcodes'],
    ]);
    await editor.shot('tags');
    await editor.command('Sluice: Group Jobs by Folder or Tag');
    await editor.rows('Jobs').filter({ hasText: 'no tag' }).waitFor({ state: 'detached' });
  });

  it('previews every digit of long numbers', async () => {
    await editor.openFile('jobs/digits.yaml');
    await editor.lens('Preview').click();
    const grid = await editor.webview();
    await grid.locator('td.number').first().waitFor();
    expect(await grid.locator('th').allTextContents()).toEqual(['', 'idbigint', 'amountdecimal(38,10)']);
    expect(await grid.locator('td.number').allTextContents()).toEqual([
      ...['9007199254740993', '1234567890123456789012345678.0123456789'],
    ]);
    await editor.shot('digits');
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
    await editor.openFile('jobs/years.yaml');
    await editor.command('Sluice: Run Job');
    const run = editor.rows('Runs').filter({ hasText: 'years' });
    await run.filter({ hasText: /load, ~?[\d.]+/ }).waitFor();
    await editor.shot('running');
    // The row is drawn anew while the job runs: a press that falls between is one that a person repeats.
    await again(async () => {
      await run.hover();
      await run.locator('.action-label[aria-label="Stop Run"]').click({ timeout: 5_000 });
      await run.filter({ hasText: /stopping|cancelled/ }).waitFor({ timeout: 5_000 });
    });
    await run.filter({ hasText: 'cancelled' }).waitFor();
    await editor.shot('stopped');
  });

  it('shows what a run failed of at the key that caused it, with a fix that mends it', async () => {
    await editor.openFile('jobs/sales.yaml');
    await editor.lens('Run').click();
    await editor.squiggles('error').first().waitFor();
    await editor.hasProblem('sales.csv, row 2: amount does not fit its declared type', 'type/value');
    await editor.goBehind('jobs/sales.yaml', 'type: dou');
    await editor.shot('failed');
    await editor.fix('Set such rows aside');
    await editor.page.locator('.view-line').filter({ hasText: 'on_bad_row' }).waitFor();
    await editor.hasNoError();
    await editor.shot('mended');
    await editor.lens('Run').click();
    await editor
      .rows('Runs')
      .filter({ hasText: /sales.*31 rows/ })
      .waitFor();
    await editor.hasNoError();
    expect(readFileSync(join(editor.folder, 'jobs/sales.yaml'), 'utf8')).toContain('on_bad_row: quarantine');
  });

  it('backfills a job over the windows that it is asked for, and tells which one it is at', async () => {
    await editor.openFile('jobs/days.yaml');
    await editor.command('Sluice: Backfill Job');
    await editor.fill('From: a date', '2026-01-01');
    await editor.fill('From 2026-01-01 to', '2026-01-04');
    const run = editor.rows('Runs').filter({ hasText: 'days' });
    await run.filter({ hasText: /window [123] of 3/ }).waitFor();
    await run.filter({ hasText: '6 rows in 3 windows' }).waitFor();
    await editor.shot('backfill');
  });

  it('tests a connection', async () => {
    const connection = editor.rows('Connections').filter({ hasText: 'files' });
    await connection.hover();
    await connection.locator('.action-label[aria-label="Test Connection"]').click();
    await editor.notifications().filter({ hasText: 'files was reached' }).waitFor();
  });

  it('shows what the files would change of what is applied, and the difference', async () => {
    const sluice = [join(root, 'runner/bin/sluice.js'), 'apply', '--yes', '--project', editor.folder];
    await promisify(execFile)(process.execPath, sluice, { env: { ...process.env, SLUICE_STATE_IDLE: '2' } });
    const job = join(editor.folder, 'jobs/digits.yaml');
    writeFileSync(job, readFileSync(job, 'utf8').replace('decimal(38,10)', 'text'));
    for (const view of ['Runs', 'Connections']) await editor.fold(view);
    await editor.expand('Plan');
    const change = editor.rows('Plan').filter({ hasText: /digits.*update/ });
    await change.waitFor();
    await editor.lists('Plan', ['digits']);
    await change.hover();
    await change.locator('.action-label[aria-label="Show Difference"]').click();
    const side = (name: string) => editor.page.locator(`.monaco-diff-editor .${name} .view-line`);
    await side('original')
      .filter({ hasText: /decimal/ })
      .waitFor();
    await side('modified').filter({ hasText: /text/ }).waitFor();
    await editor.shot('plan');
  });
});
