import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { usageOf } from './usage.ts';

/** A busy machine may take its time. */
const patience = { timeout: 20_000 };

describe('what a process uses', () => {
  it('is time and memory while it runs', () => {
    const used = usageOf(process.pid);
    expect(used?.cpuSeconds).toBeGreaterThan(0);
    expect(used?.memoryBytes).toBeGreaterThan(1_000_000);
  });

  it('is not known once it has ended, also before anybody waited for it', async () => {
    // A child of a shell that becomes a program which waits for no child; it ends when its input does.
    const script = 'sh -c "read line" <&3 & echo $!; exec tail -f /dev/null';
    const shell = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
    onTestFinished(async () => {
      shell.kill('SIGKILL');
      await once(shell, 'close');
    });
    const [said] = await once(shell.stdout!, 'data');
    const pid = Number(String(said));
    await expect.poll(() => readFileSync(`/proc/${shell.pid}/comm`, 'utf8').trim(), patience).toBe('tail');
    await expect.poll(() => usageOf(pid)?.memoryBytes, patience).toBeGreaterThan(0);
    (shell.stdio[3] as Writable).end();
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0], patience).toBe('Z');
    expect(usageOf(pid)).toBeNull();
  });
});
