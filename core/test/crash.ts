import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { JsonObject } from '../src/model/json.ts';

let bundle: Promise<string> | null = null;

/**
 * Runs a load (or stage and commit) of three rows in a process of its own with a fault set, and waits for its end.
 * Returns the signal that ended it, or its exit status as text.
 */
export async function crash(
  type: string,
  settings: JsonObject,
  work: { how: 'load' | 'stage'; table: string; fault: string },
): Promise<string> {
  bundle ??= bundleChild();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-crash-'));
  const child = spawn(
    process.execPath,
    [await bundle, JSON.stringify([type, settings, work.how, work.table, folder])],
    {
      env: { ...process.env, SLUICE_FAULT: work.fault },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ?? String(code)));
  }).finally(() => rmSync(folder, { recursive: true, force: true }));
}

/** The native engine is loaded from node_modules, so the bundle has to lie below the same root. */
async function bundleChild(): Promise<string> {
  const folder = fileURLToPath(new URL('../../node_modules/.cache/sluice-test/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `crash-child-${process.pid}.mjs`);
  process.once('exit', () => rmSync(outfile, { force: true }));
  await build({
    entryPoints: [fileURLToPath(new URL('./crash-child.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
  return outfile;
}
