import { tmpdir } from 'node:os';
import { openEngine } from '@sluice/core/runtime';

/** Starts the engine once and gives its version, such as `v1.5.6`. Throws what its native module throws. */
export async function engineVersion(): Promise<string> {
  const engine = await openEngine({ spool: tmpdir(), threads: 1, memory: 50_000_000 });
  try {
    const [row] = await engine.rows('SELECT version() AS version');
    return String(row?.version);
  } finally {
    engine.close();
  }
}
