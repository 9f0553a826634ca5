import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { orNull, syncPath } from '../shared/files/disk.ts';
import type { Shelf } from '../shared/files/ledger.ts';

/** Segments of a ledger as files of a folder. */
export function localShelf(folder: string): Shelf {
  return {
    lines: (segment) => createInterface({ input: createReadStream(join(folder, segment)), crlfDelay: Infinity }),
    async write(segment, chunks) {
      await mkdir(folder, { recursive: true });
      const handle = await open(join(folder, segment), 'w');
      try {
        for (const chunk of chunks) await handle.write(chunk);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await syncPath(folder);
    },
    names: async () => (await orNull(readdir(folder))) ?? [],
    remove: (segment) => rm(join(folder, segment), { force: true }),
  };
}
