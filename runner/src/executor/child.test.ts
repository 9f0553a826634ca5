import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runAttempt } from './child.ts';
import type { ToExecutor } from './messages.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-child-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An attempt by a process that does what `script` says once it has its message. */
function attempt(script: string) {
  const path = join(folder, 'child.cjs');
  writeFileSync(path, `process.once('message', () => { ${script} });`);
  const child = fork(path, [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
  const message = { type: 'clean' } as Exclude<ToExecutor, { type: 'stop' }>;
  return runAttempt(message, { on: () => undefined, alive: () => undefined }, new AbortController().signal, child);
}

describe('an executor that dies', () => {
  it('before its answer has failed, and is worth another try', async () => {
    expect(await attempt('process.abort()')).toMatchObject({
      error: { code: 'run/executor-died', kind: 'transient' },
    });
  });

  it('behind its answer has done what the answer says', async () => {
    const script = `process.send({ type: 'result', error: null }, () => process.abort())`;
    expect(await attempt(script)).toEqual({ streams: [], error: null });
  });
});
