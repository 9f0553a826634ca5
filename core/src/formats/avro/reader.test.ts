import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnedEngine, openEngine } from '../../engine/duckdb.ts';
import type { LocalFile } from '../../model/component.ts';
import { avro } from './reader.ts';

let engine: OwnedEngine;
let folder: string;
const source = fileURLToPath(new URL('../../../test/fixtures/formats/avro-types.2.avro', import.meta.url));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-avro-'));
  engine = await openEngine({ spool: folder, threads: 1, memory: 500_000_000 });
});
afterAll(async () => {
  engine.close();
  await rm(folder, { recursive: true });
});

async function read(bytes: Buffer): Promise<number> {
  const path = join(folder, 'f.avro');
  await writeFile(path, bytes);
  const files: LocalFile[] = [{ path, name: 'f.avro', size: bytes.length, modified_at: null, ordinal: 0 }];
  const sniffed = await avro.sniff(files, {}, engine);
  const scan = await avro.scan(files, sniffed, {}, engine, { rowNumbers: true, skipBadRows: false });
  return (await engine.rows(scan.sql)).length;
}

it('fails a file that is cut anywhere, by its name', async () => {
  const whole = await readFile(source);
  expect(await read(whole)).toBe(1);
  const named = expect.objectContaining({ where: expect.objectContaining({ path: 'f.avro' }) });
  const head = whole.lastIndexOf(whole.subarray(-16), whole.length - 17) + 16;
  for (let length = 0; length < whole.length; length += length < head - 20 ? 97 : 3) {
    if (length === head) continue;
    await expect(read(whole.subarray(0, length))).rejects.toEqual(named);
  }
});

it('refuses a codec that it does not know', async () => {
  const named = Buffer.from((await readFile(source)).toString('latin1').replace('snappy', 'snopPy'), 'latin1');
  await expect(read(named)).rejects.toMatchObject({ code: 'format/codec' });
});
