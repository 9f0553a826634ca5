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

describe('writing a job', () => {
  it('gives job files the language Sluice and finds nothing in a good one', async () => {
    await editor.openFile('jobs/airports.yaml');
    await editor.page
      .locator('.statusbar-item')
      .filter({ hasText: /^Sluice$/ })
      .waitFor();
    await editor.page.locator('.codelens-decoration').filter({ hasText: 'Run' }).first().waitFor();
    await editor.hasNoError();
    await editor.shot('open');
  });

  it('shows a problem while a key is misspelt, mends it by its fix, and the problem goes', async () => {
    await editor.goBehind('jobs/airports.yaml', 'descript');
    await editor.press('Backspace');
    await editor.squiggles('error').first().waitFor();
    await editor.shot('problem');
    await editor.hasProblem('descripion', 'schema/unknown-key');
    await editor.goTo(2, 3);
    await editor.fix(/description/);
    await editor.hasNoError();
    await editor.save();
    expect(editor.read('jobs/airports.yaml')).toMatch(/^description: Airports/m);
  });

  it('completes a key with its value', async () => {
    await editor.goBehind('jobs/airports.yaml', 'one row for each');
    await editor.press('Enter');
    await editor.type('sched');
    await editor
      .suggestions()
      .filter({ hasText: /^schedule$/ })
      .first()
      .waitFor();
    await editor.shot('complete-key');
    await editor.press('Enter');
    await editor.type('0 2 * * *');
    await editor.press('Escape');
    await editor.save();
    expect(editor.read('jobs/airports.yaml')).toMatch(/^schedule:.*0 2 \* \* \*/m);
  });

  it('completes the name of a column of the source, with its type', async () => {
    await editor.goBehind('jobs/airports.yaml', 'between -90 and 90');
    await editor.type(' and lon');
    const found = editor.page.locator('.suggest-widget.visible .monaco-list-row').filter({ hasText: 'longitude' });
    await found.first().waitFor();
    expect(await found.first().textContent()).toContain('double');
    await editor.shot('complete-column');
    await editor.press('Enter');
    await editor.type(' is not null');
    await editor.press('Escape');
    await editor.save();
    expect(editor.read('jobs/airports.yaml')).toContain('sql: latitude between -90 and 90 and longitude is not null');
    await editor.hasNoError();
  });

  it('says in words when a cron fires', async () => {
    await editor.goBehind('jobs/airports.yaml', '0 2');
    await editor.hover('02:00', 'UTC');
    await editor.shot('hover-cron');
    await editor.press('Escape');
  });

  it('renames a job, and its old name is kept for its state', async () => {
    await editor.goBehind('jobs/airports.yaml', 'name: air');
    await editor.press('F2');
    const box = editor.page.locator('.rename-box input');
    await box.waitFor();
    expect(await box.inputValue()).toBe('airports');
    await box.fill('us_airports');
    await editor.shot('rename');
    await editor.press('Enter');
    await editor.page.locator('.view-line').filter({ hasText: 'renamed_from' }).waitFor();
    await editor.save();
    expect(editor.read('jobs/airports.yaml')).toMatch(/^name: us_airports\n/);
    expect(editor.read('jobs/airports.yaml')).toMatch(/^renamed_from: \[airports\]$/m);
  });
});
