import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Editor, quickstart, startBrowser } from './driver.ts';

let browser: Browser;
let editor: Editor;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(async () => await browser?.close());
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await editor.failed(task.name);
  await editor.page.close();
});

describe('a workspace that is not trusted', () => {
  it('has findings and completion, and starts no program', async () => {
    editor = await Editor.open(browser, quickstart(), { trust: false });
    await editor.openFile('jobs/airports.yaml');
    await editor.goBehind('jobs/airports.yaml', 'descript');
    await editor.press('Backspace');
    await editor.squiggles('error').first().waitFor();
    await editor.goBehind('jobs/airports.yaml', 'table: airports');
    await editor.press('Enter');
    await editor.type('write_d');
    await editor.suggestions().filter({ hasText: 'write_disposition' }).first().waitFor();
    await editor.press('Escape');
    await editor.command('Sluice: Run Job');
    await editor.notifications().filter({ hasText: 'runs nothing in a workspace that is not trusted' }).waitFor();
    await editor.shot('untrusted');
    expect(existsSync(join(editor.folder, '.sluice'))).toBe(false);
  });
});

describe('a new job', () => {
  it('comes from a connection that is tried and listed', async () => {
    editor = await Editor.open(browser, quickstart());
    await editor.views();
    await editor.rows('Jobs').first().waitFor();
    await editor.command('Sluice: New Job');
    await editor.pick('files');
    await editor.pick('barley');
    const name = editor.page.locator('.quick-input-widget input[type=text]').first();
    await editor.page.locator('.quick-input-message').filter({ hasText: 'Name of the job' }).waitFor();
    expect(await name.inputValue()).toBe('barley');
    await editor.shot('new-job');
    await editor.press('Enter');
    await editor.tab('barley.yaml').waitFor();
    await editor.rows('Jobs').filter({ hasText: 'barley' }).waitFor();
    expect(editor.read('jobs/barley.yaml')).toContain('  connection: files\n  path: barley.json\n');
    expect(await editor.squiggles('error').count()).toBe(0);
  });
});
