import { access, constants, mkdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Destination } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { FolderDestination } from '../shared/files/folder.ts';
import type { WriterMap } from '../shared/files/writer.ts';
import { realPath } from '../shared/real-path.ts';
import { localDisk } from './disk.ts';

/** Files in a folder of this machine: a folder for each commit, and for each replace a version behind a link. */
export function localDestination(writers: WriterMap): Destination {
  return {
    async connect(ctx) {
      const { path, root } = ctx.use.settings;
      const place = await placeOf(path, root, ctx.projectDir);
      const test = () => requireWritable(dirname(place));
      return new FolderDestination(ctx, { disk: localDisk, place, lock: place, shown: place, test }, writers);
    },
  };
}

/** The data's path with every link above it followed: the path itself may be the link that a replace swaps. */
async function placeOf(path: unknown, root: unknown, projectDir: string): Promise<string> {
  const text = String(path ?? '');
  const full = resolve(projectDir, typeof root === 'string' ? root : '.', text);
  if (text === '' || /^\w+:\/\//.test(text) || basename(full) === '')
    throw new SluiceError('destination/bad-path', 'config', `"${text}" is no folder of this machine.`, {
      hint: 'Give `path` a folder, such as out/orders.',
    });
  return join(await realPath(dirname(full)), basename(full));
}

async function requireWritable(folder: string): Promise<void> {
  const refused = (cause: Error) => {
    throw new SluiceError('destination/no-rights', 'config', `The folder ${folder} is not writable.`, {
      hint: 'Give `path` a folder that the user that runs this may write to.',
      cause,
    });
  };
  await mkdir(folder, { recursive: true }).catch(refused);
  await access(folder, constants.W_OK).catch(refused);
}
