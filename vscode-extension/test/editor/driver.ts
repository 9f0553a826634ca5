import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { expect, inject, vi } from 'vitest';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const SCREENSHOTS = fileURLToPath(new URL('../../dist/screenshots', import.meta.url));

/** The project of the examples, with its data where it lies. */
export function quickstart(): string {
  const folder = join(realpathSync(mkdtempSync(join(tmpdir(), 'sluice-open-'))), 'quickstart');
  // Without what a run of somebody's left there.
  cpSync(join(root, 'examples/quickstart'), folder, { recursive: true, filter: (path) => !path.endsWith('/.sluice') });
  const config = join(folder, 'sluice.yaml');
  writeFileSync(config, readFileSync(config, 'utf8').replace('../../node_modules', join(root, 'node_modules')));
  return folder;
}

function chromiumPath(): string {
  if (process.env.SLUICE_CHROMIUM) return process.env.SLUICE_CHROMIUM;
  for (const folder of (process.env.PATH ?? '').split(delimiter))
    for (const name of ['chromium', 'chromium-browser', 'google-chrome'])
      if (existsSync(join(folder, name))) return join(folder, name);
  throw new Error('There is no Chromium: .ci/editor');
}

export async function startBrowser(): Promise<Browser> {
  const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
  args.push('--disable-background-networking', '--disable-component-update', '--disable-sync');
  return await chromium.launch({ executablePath: chromiumPath(), args });
}

/** Does what a person repeats where nothing came of it. */
export async function again<T>(act: () => Promise<T>): Promise<T> {
  return await vi.waitFor(act, { timeout: 150_000, interval: 100 });
}

/** How long a page may take to show its files. */
const OPENING_MS = 45_000;

/** A window of the editor, by what a person does with keys and pointer, and sees. */
export class Editor {
  readonly page: Page;
  readonly folder: string;

  private constructor(page: Page, folder: string) {
    this.page = page;
    this.folder = folder;
  }

  /** `folder`: one, or a file of a workspace with several. A page that shows no files is loaded anew, as a person would. */
  static async open(browser: Browser, folder: string, { trust = true } = {}): Promise<Editor> {
    let tries = 0;
    return again(async () => {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      page.setDefaultTimeout(OPENING_MS);
      const editor = new Editor(page, folder);
      try {
        await editor.#opened(trust);
      } catch (error) {
        await editor.failed(`open ${++tries}`);
        await page.close();
        throw error;
      }
      page.setDefaultTimeout(120_000);
      return editor;
    });
  }

  async #opened(trust: boolean): Promise<void> {
    const kind = this.folder.endsWith('.code-workspace') ? 'workspace' : 'folder';
    await this.page.goto(`${inject('editor')}?${kind}=${this.folder}`);
    await this.page.locator('.monaco-workbench').waitFor();
    const answer = trust ? /Yes, I trust the authors/ : /No, I don.t trust the authors/;
    await this.page.getByRole('button', { name: answer }).click();
    await this.page.locator('.explorer-folders-view .monaco-list-row').first().waitFor();
  }

  /** Keeps a picture of the window, to be looked at. */
  async shot(name: string): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text);
  }

  /** Runs a command of the palette by its whole title. */
  async command(title: string): Promise<void> {
    await this.press('F1');
    const input = this.page.locator('.quick-input-widget input[type=text]').first();
    await input.fill(`>${title}`);
    const row = this.page.locator('.quick-input-widget .monaco-list-row.focused').filter({ hasText: title });
    await row.waitFor();
    await this.press('Enter');
  }

  /** Answers a question by a text, which takes the place of what stands there. */
  async fill(question: string, text: string): Promise<void> {
    const box = this.page.locator('.quick-input-widget').filter({ hasText: question });
    await box.waitFor();
    await box.locator('input').first().fill(text);
    await this.press('Enter');
    await box.waitFor({ state: 'hidden' });
  }

  /** Chooses an entry of a long list, by its beginning, once the list asks. */
  async choose(question: string, label: string): Promise<void> {
    await this.page.locator(`.quick-input-widget input[placeholder^="${question}"]`).fill(label);
    await this.pick(label);
  }

  /** Chooses an entry of the list that is open. */
  async pick(label: string | RegExp): Promise<void> {
    await this.page.locator('.quick-input-widget .monaco-list-row').filter({ hasText: label }).first().click();
  }

  async openFile(path: string): Promise<void> {
    const name = path.slice(path.lastIndexOf('/') + 1);
    // The list may still be looking for files when it is answered, and then takes no answer.
    await again(async () => {
      await this.press('Control+P');
      await this.page.locator('.quick-input-widget input[type=text]').first().fill(path);
      await this.page.locator('.quick-input-widget .monaco-list-row.focused').filter({ hasText: name }).waitFor();
      await this.press('Enter');
      await this.tab(name).waitFor({ timeout: 15_000 });
    });
    await this.page.locator('.editor-group-container.active .monaco-editor.focused').waitFor();
  }

  tab(name: string): Locator {
    return this.page.locator(`.tabs-container .tab[data-resource-name="${name}"]`);
  }

  /** Puts the caret at a place, both from 1. */
  async goTo(line: number, column = 1): Promise<void> {
    await this.press('Control+G');
    await this.page.locator('.quick-input-widget input[type=text]').first().fill(`:${line}:${column}`);
    await this.press('Enter');
    await this.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  }

  /** Puts the caret behind a text of the file that was saved last. */
  async goBehind(path: string, text: string): Promise<void> {
    const before = this.read(path).split(text)[0] ?? '';
    const lines = `${before}${text}`.split('\n');
    await this.goTo(lines.length, (lines.at(-1)?.length ?? 0) + 1);
  }

  async save(): Promise<void> {
    await this.press('Control+S');
    await this.page.locator('.tabs-container .tab.active:not(.dirty)').waitFor();
  }

  /** The squiggles of the file in front. */
  squiggles(severity: 'error' | 'warning'): Locator {
    return this.page.locator(`.editor-group-container.active .squiggly-${severity}`);
  }

  /** The words of the problems of the whole window, as the panel lists them. */
  async problems(): Promise<string[]> {
    await this.command('Problems: Focus on Problems View');
    const rows = this.page.locator('.markers-panel .monaco-list-row');
    await rows
      .first()
      .waitFor({ timeout: 5_000 })
      .catch(() => undefined);
    const found = await rows.allInnerTexts();
    await this.command('View: Toggle Panel Visibility');
    return found.map((text) => text.replaceAll(/\s+/g, ' '));
  }

  /** Waits until the problems of the whole window hold these words: the panel fills while it is read. */
  async hasProblem(...words: string[]): Promise<void> {
    await again(async () => {
      const found = (await this.problems()).join('\n');
      for (const text of words) expect(found).toContain(text);
    });
  }

  /** Waits until no error is shown: what was found in a text that is half written stands until the whole is read. */
  async hasNoError(): Promise<void> {
    await this.squiggles('error').first().waitFor({ state: 'detached' });
  }

  /** What the list of completions offers. */
  suggestions(): Locator {
    return this.page.locator('.suggest-widget.visible .monaco-list-row .label-name');
  }

  /** Asks what stands at the caret, and waits until that holds these words: at first it may say that it loads. */
  async hover(...words: string[]): Promise<void> {
    await this.press('Control+K', 'Control+I');
    const box = this.page.locator(
      '.monaco-hover:not(.hidden) .hover-contents, .monaco-hover:not(.hidden) .markdown-hover',
    );
    for (const hasText of words) await box.filter({ hasText }).first().waitFor();
  }

  /** Opens the fixes at the caret and gives their titles. */
  async fixes(): Promise<string[]> {
    await this.press('Control+.');
    const rows = this.page.locator('.action-widget .monaco-list-row.action');
    await rows.first().waitFor();
    return (await rows.allInnerTexts()).map((text) => text.trim());
  }

  async fix(title: string | RegExp): Promise<void> {
    await this.fixes();
    await this.page.locator('.action-widget .monaco-list-row.action').filter({ hasText: title }).first().click();
  }

  /** The text of the terminal in front. */
  terminal(): Locator {
    return this.page.locator('.terminal-wrapper.active .xterm-rows');
  }

  /** Opens the views of the extension. */
  async views(): Promise<void> {
    await this.page.locator('.activitybar .action-label[aria-label^="Sluice"]').click();
    await this.view('Jobs').waitFor();
  }

  /** The code lens with this text. */
  lens(text: string): Locator {
    return this.page
      .locator(
        '.editor-group-container.active .codelens-decoration a, .editor-group-container.active .codelens-decoration span',
      )
      .filter({ hasText: text })
      .last();
  }

  /** The page inside of the panel that was opened last. */
  async webview(): Promise<FrameLocator> {
    const outer = this.page.frameLocator('iframe.webview.ready').last();
    return outer.frameLocator('iframe#active-frame');
  }

  /** Lines of a level are shown in the log in front, or not any more. */
  async toggleLevel(level: 'Info' | 'Warning' | 'Error'): Promise<void> {
    await this.page.locator('.part.panel [aria-label="More Filters..."]').first().click();
    await this.page.locator('.context-view .action-item').filter({ hasText: level }).first().click();
  }

  logLines(): Locator {
    return this.page.locator('.part.panel .view-line');
  }

  header(view: string): Locator {
    return this.page.locator(`.pane-header[aria-label^="${view}"]`);
  }

  async expand(view: string): Promise<void> {
    const header = this.header(view);
    if ((await header.getAttribute('aria-expanded')) !== 'true') await header.click();
  }

  async fold(view: string): Promise<void> {
    const header = this.header(view);
    if ((await header.getAttribute('aria-expanded')) === 'true') await header.click();
  }

  /** Waits until the rows of a view have these labels: they are drawn one by one. */
  async lists(view: string, names: readonly string[]): Promise<void> {
    await again(async () => expect(await this.rows(view).locator('.label-name').allTextContents()).toEqual(names));
  }

  /** Keeps a picture of how it looked when a test failed. */
  async failed(name: string): Promise<void> {
    await this.shot(`failed-${name.replaceAll(/\W+/g, '-')}`);
  }

  view(name: string): Locator {
    return this.page.locator(`.pane:has(> .pane-header[aria-label^="${name}"])`);
  }

  rows(view: string): Locator {
    return this.view(view).locator('.monaco-list-row');
  }

  /** Presses a button of a notification: of one that went by itself after a while, in the list of them. */
  async answer(button: string): Promise<void> {
    const list = this.page.locator('.notifications-center.visible');
    await again(async () => {
      const found = this.page.locator('.notifications-toasts, .notifications-center.visible').locator('.monaco-button');
      const wanted = found.filter({ hasText: button }).first();
      if (!(await wanted.isVisible())) await this.command('Notifications: Show Notifications');
      await wanted.click({ timeout: 15_000 });
    });
    if (await list.isVisible()) await this.command('Notifications: Hide Notifications');
  }

  /** Text of each of the notifications that are shown. */
  notifications(): Locator {
    return this.page.locator('.notification-toast .notification-list-item-message');
  }
}
