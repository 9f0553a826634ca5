import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Editor, quickstart, startBrowser } from './driver.ts';

let browser: Browser;
let editor: Editor;
beforeAll(async () => {
  browser = await startBrowser();
  editor = await Editor.open(browser, quickstart());
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
});
