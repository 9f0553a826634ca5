import { randomUUID } from 'node:crypto';
import { posix } from 'node:path';
import type { Destination } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { FolderDestination } from '../shared/files/folder.ts';
import type { WriterMap } from '../shared/files/writer.ts';
import { below } from '../shared/walk.ts';
import type { SftpSettings } from './client.ts';
import { SftpDisk } from './disk.ts';

/** Files in a folder of an SFTP server: a folder for each commit. */
export function sftpDestination(writers: WriterMap): Destination {
  return {
    async connect(ctx) {
      const settings = ctx.use.settings as unknown as SftpSettings & { path?: string };
      const place = placeOf(settings);
      const disk = new SftpDisk(settings, ctx);
      const test = () => requireWritable(disk, posix.dirname(place));
      const shown = `${disk.address}:${place}`;
      // Whoever takes files from such a server reads text sooner than Parquet.
      const use = { ...ctx.use, settings: { format: 'csv', ...ctx.use.settings } };
      return new FolderDestination(
        { ...ctx, use },
        { disk, place, lock: null, shown, test, close: () => disk.close() },
        writers,
      );
    },
  };
}

function placeOf({ root, path = '' }: SftpSettings & { path?: string }): string {
  const place = posix.normalize(below(root, path)).replace(/\/+$/, '');
  const name = posix.basename(place);
  const isBelow = path !== '' && !/^\w+:\/\//.test(path) && !path.split('/').includes('..');
  if (isBelow && name !== '' && name !== '.') return place;
  throw new SluiceError('destination/bad-path', 'config', `"${path}" is no folder of the server.`, {
    hint: 'Give `path` a folder below the root, such as in/orders.',
  });
}

async function requireWritable(disk: SftpDisk, folder: string): Promise<void> {
  await disk.mkdir(folder);
  const probe = posix.join(folder, `.sluice-probe-${randomUUID()}`);
  await disk.write(probe, ['probe']);
  await disk.remove(probe);
}
