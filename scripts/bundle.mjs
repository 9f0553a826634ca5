// How everything is bundled: workspace sources go in, npm packages stay outside.
import { fileURLToPath } from 'node:url';

const source = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const bundle = {
  absWorkingDir: source('.'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  alias: {
    '@sluice/core/runtime': source('core/src/runtime.ts'),
    '@sluice/core/specs': source('core/src/specs.ts'),
    '@sluice/core': source('core/src/index.ts'),
  },
  sourcemap: true,
  logLevel: 'warning',
};
