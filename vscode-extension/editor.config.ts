import { defineConfig } from 'vitest/config';

/** `npm run test:editor`: the packaged extension in VS Code as a server, driven through a browser. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['test/editor/*.editor.ts'],
    globalSetup: ['test/editor/code-server.ts'],
    // Wide: they end what hangs, and a busy machine is slow.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // One window after the other: two would fight for the machine, and time out.
    fileParallelism: false,
  },
});
