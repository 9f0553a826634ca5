import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { Editor, quickstart, startBrowser } from './driver.ts';

let browser: Browser;
let editor: Editor;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(async () => await browser?.close());
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await editor.failed(task.name);
});

describe('a workspace that is not trusted', () => {
  it('has findings and completion, and starts no program', async () => {
    const folder = quickstart();
    mkdirSync(join(folder, '.vscode'));
    const own = { 'files.associations': { '**/jobs/zipcodes.yaml': 'yaml' } };
    writeFileSync(join(folder, '.vscode/settings.json'), JSON.stringify(own));
    editor = await Editor.open(browser, folder, { trust: false });
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

  it('leaves a file the language that files.associations gives it', async () => {
    const language = (name: string) =>
      editor.page.locator('.statusbar-item').filter({ hasText: new RegExp(`^${name}$`) });
    await language('Sluice').waitFor();
    await editor.openFile('jobs/zipcodes.yaml');
    await language('YAML').waitFor();
    // Others were given ours meanwhile.
    await editor.openFile('jobs/flights.yaml');
    await language('Sluice').waitFor();
    await editor.openFile('jobs/zipcodes.yaml');
    await language('YAML').waitFor();
    expect(await editor.page.locator('.editor-group-container.active .codelens-decoration').count()).toBe(0);
    await editor.page.close();
  });
});

describe('a new job', () => {
  it('comes from a connection that is tried and listed', async () => {
    editor = await Editor.open(browser, quickstart());
    await editor.views();
    await editor.rows('Jobs').first().waitFor();
    await editor.command('Sluice: New Job');
    await editor.choose('Where do the rows', 'files');
    await editor.choose('files was reached', 'barley');
    const name = editor.page.locator('.quick-input-widget input[type=text]').first();
    await editor.page.locator('.quick-input-message').filter({ hasText: 'Name of the job' }).waitFor();
    expect(await name.inputValue()).toBe('barley');
    await editor.shot('new-job');
    await editor.press('Enter');
    await editor.tab('barley.yaml').waitFor();
    await editor.rows('Jobs').filter({ hasText: 'barley' }).waitFor();
    expect(editor.read('jobs/barley.yaml')).toContain('  connection: files\n  path: barley.json\n');
    await editor.hasNoError();
  });

  it('of a system is a file without errors, whose source is tested', async () => {
    await editor.command('Sluice: New Job');
    await editor.choose('Where do the rows', 'PostgreSQL');
    await editor.page.locator('.quick-input-message').filter({ hasText: 'Name of the job' }).waitFor();
    await editor.press('Enter');
    await editor.tab('postgres.yaml').waitFor();
    await editor.lens('Run').waitFor();
    expect(await editor.problems()).toEqual([]);
    await editor.shot('new-job-system');
    await editor.answer('Test It');
    await editor.terminal().filter({ hasText: 'CRM_URL' }).waitFor();
    await editor.shot('new-job-tested');
  });

  it('is not run where there is no program, and the line that installs it is said', async () => {
    const before = readFileSync(inject('machine'), 'utf8');
    writeFileSync(inject('machine'), '{}');
    const said = editor.notifications().filter({ hasText: 'npm install --save-dev @sluice/runner' });
    try {
      // The editor takes a while to see its changed settings.
      for (let i = 0; i < 10 && !(await said.isVisible()); i++) {
        await editor.command('Sluice: Run Job');
        await said.waitFor({ timeout: 3000 }).catch(() => undefined);
      }
      await said.waitFor();
      await editor.page
        .locator('.notification-toast .monaco-button')
        .filter({ hasText: 'Copy the Install Line' })
        .waitFor();
      await editor.shot('no-program');
    } finally {
      writeFileSync(inject('machine'), before);
    }
    await editor.page.close();
  });
});
