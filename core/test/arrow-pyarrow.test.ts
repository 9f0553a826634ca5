import { execFile } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import { arrowWriter } from '../src/formats/arrow/writer.ts';
import { ALL_ROWS, ALL_TYPES } from './all-types.ts';
import { noDeltalake, python } from './deltalake.ts';

const script = fileURLToPath(new URL('arrow_parquet.py', import.meta.url));

/** What pyarrow reads of our files it writes as Parquet, which the engine reads without us. The golden files are pyarrow's own. */
describe.skipIf(noDeltalake)('pyarrow reads what we write', () => {
  let folder: string;
  let engine: OwnedEngine;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-pyarrow-'));
    engine = await openEngine({ spool: folder, threads: 2, memory: 500_000_000 });
  });
  afterAll(() => {
    engine.close();
    rmSync(folder, { recursive: true });
  });

  it.each(['file', 'stream'])('as a %s', async (kind) => {
    const path = join(folder, kind === 'file' ? 'p-00000.arrow' : 'p.arrows');
    if (kind === 'stream') {
      const bytes = arrowWriter.stream?.(engine, ALL_ROWS, ALL_TYPES) ?? [];
      await pipeline(bytes, createWriteStream(path));
    } else {
      const request = { sql: ALL_ROWS, columns: ALL_TYPES, folder, name: 'p', partitionBy: [], fileSize: null };
      await arrowWriter.write(engine, request);
    }
    const out = `${path}.parquet`;
    const { stdout } = await promisify(execFile)(python, [script, path, out]);
    expect(JSON.parse(stdout)).toMatchObject({
      d: 'decimal128(38, 10)',
      tz: 'timestamp[us, tz=UTC]',
      u: 'extension<arrow.uuid>',
      j: 'extension<arrow.json>',
    });
    const texts = ALL_TYPES.map(({ name }) => `CAST("${name.replaceAll('"', '""')}" AS VARCHAR)`).join(', ');
    const found = await engine.rows(`SELECT [${texts}]::VARCHAR AS row FROM '${out}' ORDER BY id`);
    expect(found).toEqual(await engine.rows(`SELECT [${texts}]::VARCHAR AS row FROM (${ALL_ROWS}) ORDER BY id`));
  });
});
