// `npm run build`: bundles every package with esbuild.
import { cp, rm } from 'node:fs/promises';
import { build } from 'esbuild';
import { bundle } from './bundle.mjs';

// What an earlier build left would be packaged too.
for (const folder of ['core', 'runner', 'lsp', 'vscode-extension'])
  await rm(`${folder}/dist`, { recursive: true, force: true });

await Promise.all([
  build({
    ...bundle,
    splitting: true,
    outdir: 'core/dist',
    entryPoints: { index: 'core/src/index.ts', specs: 'core/src/specs.ts', runtime: 'core/src/runtime.ts' },
  }),
  build({
    ...bundle,
    splitting: true,
    outdir: 'runner/dist',
    entryPoints: {
      sluice: 'runner/src/cli/sluice.ts',
      executor: 'runner/src/executor/main.ts',
      look: 'runner/src/executor/look.ts',
      worker: 'runner/src/executor/worker.ts',
      supervisor: 'runner/src/store/embedded/supervisor.ts',
    },
  }),
  build({ ...bundle, minifyWhitespace: true, outfile: 'lsp/dist/server.js', entryPoints: ['lsp/src/server.ts'] }),
  build({
    ...bundle,
    format: 'cjs',
    banner: {},
    define: {},
    external: ['vscode'],
    minify: true,
    sourcemap: false,
    outfile: 'vscode-extension/dist/extension.cjs',
    entryPoints: ['vscode-extension/src/extension.ts'],
  }),
  // The extension brings its own server.
  build({
    ...bundle,
    minify: true,
    sourcemap: false,
    outfile: 'vscode-extension/dist/server.mjs',
    entryPoints: ['lsp/src/server.ts'],
  }),
  // What the extension shows of a job's figures: a page of its own, without a network.
  build({
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    minify: true,
    logLevel: 'warning',
    outdir: 'vscode-extension/dist',
    entryPoints: { metrics: 'runner/dashboard/main.tsx' },
  }),
  cp('runner/src/store/migrations', 'runner/dist/migrations', { recursive: true }),
  // The pages that show the OpenAPI document are served from here, so that they need no network.
  cp('node_modules/swagger-ui-dist/swagger-ui-bundle.js', 'runner/dist/docs/swagger-ui-bundle.js'),
  cp('node_modules/swagger-ui-dist/swagger-ui.css', 'runner/dist/docs/swagger-ui.css'),
  cp('node_modules/redoc/bundles/redoc.standalone.js', 'runner/dist/docs/redoc.standalone.js'),
]);
