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
  if (task.result?.state === 'fail') await editor.shot(`failed: ${task.name}`.replaceAll(/\W+/g, '-'));
});

describe('writing a job', () => {
  it('gives job files the language Sluice and finds nothing in a good one', async () => {
    await editor.openFile('jobs/airports.yaml');
    await editor.page
      .locator('.statusbar-item')
      .filter({ hasText: /^Sluice$/ })
      .waitFor();
    await editor.page.locator('.codelens-decoration').filter({ hasText: 'Run' }).first().waitFor();
    expect(await editor.squiggles('error').count()).toBe(0);
    await editor.shot('open');
  });

  it('shows a problem while a key is misspelt, mends it by its fix, and the problem goes', async () => {
    await editor.goBehind('jobs/airports.yaml', 'descript');
    await editor.press('Backspace');
    await editor.squiggles('error').first().waitFor();
    await editor.shot('problem');
    const problems = await editor.problems();
    expect(problems.join('\n')).toContain('descripion');
    expect(problems.join('\n')).toContain('schema/unknown-key');
    await editor.goTo(2, 3);
    await editor.fix(/description/);
    await editor.squiggles('error').first().waitFor({ state: 'detached' });
    await editor.save();
    expect(editor.read('jobs/airports.yaml')).toMatch(/^description: Airports/m);
  });
});
