import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Editor, quickstart, startBrowser } from './driver.ts';

const SALES = `name: sales
source:
  type: local
  path: sales.csv
columns:
  - name: amount
    type: double
destination:
  type: duckdb
`;

let browser: Browser;
let editor: Editor;
beforeAll(async () => {
  browser = await startBrowser();
  const folder = quickstart();
  writeFileSync(join(folder, 'jobs/sales.yaml'), SALES);
  writeFileSync(join(folder, 'sales.csv'), 'id,amount\n1,2.50\n2,x\n');
  editor = await Editor.open(browser, folder);
});
afterAll(async () => await browser?.close());
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await editor.failed(task.name);
});

describe('a daemon of the project', () => {
  it('is started in a terminal, found by its file, and tells of the jobs', async () => {
    await editor.views();
    await editor.page.locator('.pane-header[aria-label^="Jobs"]').filter({ hasText: 'from files' }).waitFor();
    await editor.command('Sluice: Start a Local Daemon');
    await editor.page
      .locator('.pane-header[aria-label^="Jobs"]')
      .filter({ hasText: /daemon 127\.0\.0\.1:\d+/ })
      .waitFor();
    expect(existsSync(join(editor.folder, '.sluice/daemon.json'))).toBe(true);
  });

  it('starts a job there, and the view follows it', async () => {
    await editor.openFile('jobs/zipcodes.yaml');
    await editor.command('Sluice: Start Job on the Daemon');
    await editor
      .rows('Jobs')
      .filter({ hasText: /zipcodes.*succeeded/ })
      .waitFor();
    await editor.lens('last ok').waitFor();
    await editor.shot('daemon');
  });

  it('pauses a job with a reason, and resumes it', async () => {
    await editor.command('Sluice: Pause Job on the Daemon');
    await editor.page.locator('.quick-input-message').filter({ hasText: 'Why is zipcodes paused' }).waitFor();
    await editor.type('the source moves');
    await editor.press('Enter');
    await editor
      .rows('Jobs')
      .filter({ hasText: /zipcodes.*paused/ })
      .waitFor();
    await editor.command('Sluice: Resume Job on the Daemon');
    await editor
      .rows('Jobs')
      .filter({ hasText: /zipcodes.*succeeded/ })
      .waitFor();
  });

  it('is asked to run a job in its place, and what the run failed of stands at its key until that is edited', async () => {
    await editor.openFile('jobs/sales.yaml');
    await editor.command('Sluice: Run Job');
    await editor.notifications().filter({ hasText: 'A daemon runs the jobs of quickstart' }).waitFor();
    await editor.shot('daemon-run-where');
    await editor.answer('Start on the Daemon');
    await editor
      .rows('Jobs')
      .filter({ hasText: /sales.*failed/ })
      .waitFor();
    await editor.squiggles('error').first().waitFor();
    await editor.hasProblem('sales.csv, row 2: amount does not fit its declared type');
    await editor.shot('daemon-failed');
    await editor.goBehind('jobs/sales.yaml', 'type: double');
    await editor.press('Control+Shift+ArrowLeft');
    await editor.type('text');
    await editor.press('Escape');
    await editor.hasNoError();
  });

  it('tells the log of a run, which is filtered by level', async () => {
    await editor.command('Sluice: Show Log of the Last Run on the Daemon');
    const error = editor.logLines().filter({ hasText: '[error]' }).filter({ hasText: 'amount does not fit' });
    await error.waitFor();
    await editor.shot('daemon-log');
    const info = editor.logLines().filter({ hasText: '[info]' });
    await info.first().waitFor();
    await editor.toggleLevel('Info');
    await info.first().waitFor({ state: 'detached' });
    await error.waitFor();
    await editor.toggleLevel('Info');
    await info.first().waitFor();
  });

  it('may run elsewhere, and a token that it does not know is said', async () => {
    const { port, token } = JSON.parse(readFileSync(join(editor.folder, '.sluice/daemon.json'), 'utf8'));
    const connect = async (secret: string): Promise<void> => {
      await editor.command('Sluice: Connect to a Daemon');
      await editor.fill('Its address', `http://localhost:${port}/`);
      await editor.fill('Its token', secret);
    };
    await connect('sluice_wrong');
    await editor.notifications().filter({ hasText: 'not connected to a daemon of quickstart: No token' }).waitFor();
    await editor.shot('daemon-refused');
    await editor
      .header('Jobs')
      .filter({ hasText: `daemon 127.0.0.1:${port}` })
      .waitFor();
    await connect(token);
    await editor.notifications().filter({ hasText: 'the daemon of quickstart answers' }).waitFor();
    await editor
      .header('Jobs')
      .filter({ hasText: `daemon localhost:${port}` })
      .waitFor();
    await editor
      .rows('Jobs')
      .filter({ hasText: /zipcodes.*succeeded/ })
      .waitFor();
    // The token lies in the secret storage, and in no file of the project.
    expect(existsSync(join(editor.folder, '.vscode'))).toBe(false);
  });
});
