import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Tests that run for a minute and more, whatever the size of their file: with one of them last, a core would be idle beside it. */
const LONG =
  /(runner\/test\/(kill-\w+|soak|takeover|faults|state-server|api-fuzz|examples)|core\/test\/(engine-)?destinations)\.test\.ts$/;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [true, false].flatMap((long) => sorted.filter(({ moduleId }) => LONG.test(moduleId) === long));
  }
}

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
    // Guards against what never ends, not measures: a busy machine may take long to start a server.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 120_000,
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // Many tests wait for processes and servers of their own: with a worker for each core a third of the time would be idle.
    maxWorkers: availableParallelism() + 1,
  },
});
