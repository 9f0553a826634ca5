// Bundles every package with esbuild: workspace sources go in, npm packages stay outside.
import { cp, rm } from 'node:fs/promises';
import { build } from 'esbuild';

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  conditions: ['source'],
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
};
// `packages: external` would leave our own workspaces outside too.
const ours = {
  name: 'workspace-inside',
  setup(b) {
    b.onResolve({ filter: /^@sluice\// }, async (args) => {
      if (args.pluginData === 'inner') return undefined;
      const found = await b.resolve(args.path, { kind: args.kind, resolveDir: args.resolveDir, pluginData: 'inner' });
      return found.errors.length ? undefined : { path: (await import('node:url')).fileURLToPath(sourceOf(args.path)) };
    });
  },
};
const doors = {
  '@sluice/core': 'core/src/index.ts',
  '@sluice/core/specs': 'core/src/specs.ts',
  '@sluice/core/runtime': 'core/src/runtime.ts',
};
const sourceOf = (name) => new URL(`../${doors[name]}`, import.meta.url);

await Promise.all(
  ['core', 'runner', 'lsp', 'vscode-extension'].map((p) => rm(`${p}/dist`, { recursive: true, force: true })),
);
await Promise.all([
  build({
    ...common,
    plugins: [ours],
    splitting: true,
    outdir: 'core/dist',
    entryPoints: { index: 'core/src/index.ts', specs: 'core/src/specs.ts', runtime: 'core/src/runtime.ts' },
  }),
  build({
    ...common,
    plugins: [ours],
    splitting: true,
    outdir: 'runner/dist',
    banner: {},
    entryPoints: {
      sluice: 'runner/src/cli/sluice.ts',
      executor: 'runner/src/executor/main.ts',
      worker: 'runner/src/executor/worker.ts',
      supervisor: 'runner/src/store/embedded/supervisor.ts',
    },
  }),
  build({ ...common, plugins: [ours], outfile: 'lsp/dist/server.js', entryPoints: ['lsp/src/server.ts'] }),
  build({
    ...common,
    plugins: [ours],
    format: 'cjs',
    external: ['vscode'],
    outfile: 'vscode-extension/dist/extension.cjs',
    entryPoints: ['vscode-extension/src/extension.ts'],
  }),
]);
await cp('runner/src/store/migrations', 'runner/dist/migrations', { recursive: true }).catch(() => {});
