import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Editor, quickstart, startBrowser } from './driver.ts';

/** A workspace of two folders: one is a project, the other holds two. */
function workspace(): { file: string; quick: string; teams: string } {
  const quick = quickstart();
  const teams = join(realpathSync(mkdtempSync(join(tmpdir(), 'sluice-open-'))), 'teams');
  const tags = { crm: 'nightly', shop: 'hourly' };
  for (const [name, tag] of Object.entries(tags)) {
    mkdirSync(join(teams, name, 'jobs'), { recursive: true });
    writeFileSync(
      join(teams, name, 'sluice.yaml'),
      `version: 1\nname: ${name}\nconnections:\n  disk:\n    type: local\n`,
    );
    // Both have a job of the same name, over rows of their own.
    writeFileSync(join(teams, name, 'people.csv'), `id,team\n1,${name}\n`);
    const source = 'source:\n  type: local\n  connection: disk\n  path: people.csv\n';
    writeFileSync(
      join(teams, name, 'jobs/people.yaml'),
      `name: people\ntags: [${tag}]\n${source}destination:\n  type: duckdb\n`,
    );
  }
  cpSync(join(teams, 'crm/jobs/people.yaml'), join(teams, 'crm/not-a-job.yaml'));
  const file = join(teams, '..', 'all.code-workspace');
  writeFileSync(file, JSON.stringify({ folders: [{ path: quick }, { path: teams }] }));
  return { file, quick, teams };
}

const places = workspace();
let browser: Browser;
let editor: Editor;
beforeAll(async () => {
  browser = await startBrowser();
  editor = await Editor.open(browser, places.file);
});
afterAll(async () => await browser?.close());
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await editor.failed(task.name);
});

/** The line of a project, by its name alone. */
const project = (name: string) =>
  editor.rows('Jobs').filter({ has: editor.page.locator('.label-name', { hasText: new RegExp(`^${name}$`) }) });

describe('several projects in one window', () => {
  it('are listed each with its own jobs and connections', async () => {
    await editor.views();
    await editor.fold('Runs');
    await project('shop').waitFor();
    await editor.lists('Jobs', [
      ...['crm', 'people', 'quickstart', 'airports', 'flights', 'zipcodes', 'shop', 'people'],
    ]);
    await editor.lists('Connections', ['crm', 'disk', 'quickstart', 'files', 'shop', 'disk']);
    await editor.shot('projects');
  });

  it('have a daemon each, and its state stands at its project', async () => {
    for (const name of ['shop', 'crm']) {
      await editor.command('Sluice: Start a Local Daemon');
      await editor.pick(name);
      await project(name)
        .filter({ hasText: /daemon 127\.0\.0\.1:\d+/ })
        .waitFor();
      expect(existsSync(join(places.teams, name, '.sluice/daemon.json'))).toBe(true);
    }
    await project('quickstart').filter({ hasText: 'from files' }).waitFor();
    const said = await editor
      .rows('Jobs')
      .filter({ hasText: 'daemon 127' })
      .locator('.label-description')
      .allTextContents();
    expect(new Set(said).size).toBe(2);
  });

  it('start a job on the daemon of its project alone', async () => {
    await editor.openFile('shop/jobs/people.yaml');
    await editor.command('Sluice: Start Job on the Daemon');
    const jobs = editor.rows('Jobs').filter({ hasText: /people/ });
    await jobs.last().filter({ hasText: 'succeeded' }).waitFor();
    expect(await jobs.first().textContent()).not.toContain('succeeded');
    expect(existsSync(join(places.teams, 'shop/.sluice/warehouse.duckdb'))).toBe(true);
    expect(existsSync(join(places.teams, 'crm/.sluice/warehouse.duckdb'))).toBe(false);
    await editor.command('View: Toggle Panel Visibility');
    await editor.shot('projects-daemons');
  });

  it('take no daemon of another project', async () => {
    const { port, token } = JSON.parse(readFileSync(join(places.teams, 'shop/.sluice/daemon.json'), 'utf8'));
    await editor.command('Sluice: Connect to a Daemon');
    await editor.pick('quickstart');
    await editor.fill('Its address', `http://127.0.0.1:${port}`);
    await editor.fill('Its token', token);
    await editor.notifications().filter({ hasText: 'it serves the project shop' }).waitFor();
    await project('quickstart').filter({ hasText: 'from files' }).waitFor();
  });

  it('have a plan each', async () => {
    for (const view of ['Jobs', 'Connections']) await editor.fold(view);
    await editor.expand('Plan');
    await editor.rows('Plan').filter({ hasText: 'airports' }).waitFor();
    // What a daemon follows is applied.
    await editor.lists('Plan', [
      ...['crm', 'nothing would change', 'quickstart', 'airports', 'flights', 'flights/delays_by_origin', 'zipcodes'],
      ...['shop', 'nothing would change'],
    ]);
    await editor.shot('projects-plan');
  });
});
