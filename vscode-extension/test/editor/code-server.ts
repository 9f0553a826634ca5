import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Address of the editor. */
    editor: string;
    /** File of the settings of its machine. */
    machine: string;
  }
}

const extension = fileURLToPath(new URL('../..', import.meta.url));
const root = join(extension, '..');
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice-ci');

const SETTINGS = {
  // The terminal's text can be read only where it is no picture.
  'terminal.integrated.gpuAcceleration': 'off',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.colorTheme': 'Default Light Modern',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'window.commandCenter': false,
  'chat.disableAIFeatures': true,
  'telemetry.telemetryLevel': 'off',
  'extensions.ignoreRecommendations': true,
  'security.workspace.trust.startupPrompt': 'always',
  'files.autoSave': 'off',
  'git.enabled': false,
  'git.openRepositoryInParentFolders': 'never',
  'editor.hover.delay': 100,
  'editor.cursorBlinking': 'solid',
  'editor.minimap.enabled': false,
};

/** Installs the package that was built into a fresh VS Code, and serves it until the tests have ended. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const vsix = join(extension, 'dist/sluice.vsix');
  const { node, entry } = programs();
  if (!existsSync(vsix)) throw new Error(`${vsix} is not there: npm run package`);
  const home = mkdtempSync(join(tmpdir(), 'sluice-editor-'));
  mkdirSync(join(home, 'data/User'), { recursive: true });
  writeFileSync(join(home, 'data/User/settings.json'), JSON.stringify(SETTINGS));
  // Of a server's machine, not of the user who looks in.
  mkdirSync(join(home, 'data/Machine'));
  const machine = { 'sluice.path': join(root, 'runner/bin/sluice.js') };
  writeFileSync(join(home, 'data/Machine/settings.json'), JSON.stringify(machine));
  writeFileSync(join(home, 'config.yaml'), 'bind-addr: 127.0.0.1:0\nauth: none\ncert: false\n');
  const options = ['--config', join(home, 'config.yaml')];
  options.push('--user-data-dir', join(home, 'data'), '--extensions-dir', join(home, 'extensions'));
  // Its own Node and nothing of the project's: the `sluice` of the tests is the one in the settings.
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.endsWith('node_modules/.bin'));
  const env = { ...process.env, PATH: [join(node, '..'), ...path].join(delimiter), SLUICE_STATE_IDLE: '2' };
  execFileSync(node, [entry, ...options, '--install-extension', vsix], { env, stdio: 'pipe' });

  const server = spawn(node, [entry, ...options, '--disable-telemetry', '--disable-update-check'], { env });
  const ended = new Promise<void>((done) => server.once('exit', () => done()));
  const address = await new Promise<string>((found, failed) => {
    let said = '';
    const read = (chunk: Buffer): void => {
      said += chunk.toString();
      const at = /HTTP server listening on (\S+)/.exec(said)?.[1];
      if (at) found(at);
    };
    server.stdout.on('data', read);
    server.stderr.on('data', read);
    void ended.then(() => failed(new Error(`code-server ended: ${said}`)));
  });
  project.provide('editor', address);
  project.provide('machine', join(home, 'data/Machine/settings.json'));
  return async () => {
    server.kill('SIGTERM');
    await ended;
    rmSync(home, { recursive: true, force: true });
  };
}

function programs(): { node: string; entry: string } {
  const missing = 'The real editor is not installed: .ci/editor';
  if (!existsSync(join(cache, 'node24/node_modules'))) throw new Error(missing);
  const kind = readdirSync(join(cache, 'node24/node_modules')).find((name) => name.startsWith('node-linux-'));
  const home = readdirSync(cache).findLast((name) => existsSync(join(cache, name, 'ready')));
  if (!kind || !home) throw new Error(missing);
  return {
    node: join(cache, 'node24/node_modules', kind, 'bin/node'),
    entry: join(cache, home, 'node_modules/code-server/out/node/entry.js'),
  };
}
