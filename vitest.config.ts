import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node'] } },
  test: {
    include: [
      'core/src/**/*.test.ts',
      'core/test/**/*.test.ts',
      'runner/src/**/*.test.ts',
      'runner/dashboard/*.test.ts',
      'runner/test/**/*.test.ts',
      'lsp/**/*.test.ts',
      'vscode-extension/test/**/*.test.ts',
    ],
    globalSetup: ['core/test/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most tests wait for processes of their own: a core left free would be idle.
    maxWorkers: Math.max(2, availableParallelism()),
  },
});
