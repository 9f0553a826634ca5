import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { DestinationContext, Engine } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { WritableFolder } from '../../model/folder.ts';
import { type LocalEngine, withLocalEngine } from '../shared/duck-instance.ts';
import { DiskFolder } from '../shared/files/disk-folder.ts';
import { inFolders } from '../shared/files/node-fs.ts';
import { realPath } from '../shared/real-path.ts';
import type { S3Settings } from '../shared/s3/client.ts';
import { HOME, stagingFolder } from './staging.ts';

const DEFAULT_BUDGET = { threads: 2, memory: 1_000_000_000 };

/** Where a table lies, and where this machine keeps what is on its way there. */
export interface Place {
  folder: WritableFolder;
  /** Folders of this machine that a task's engine writes to, beside its own spool. */
  folders: readonly string[];
  /** A folder of this machine for files that a task makes. */
  work(engine: Engine): string;
  /** An engine for a commit, with a folder of its own that is gone afterwards. */
  withEngine<T>(work: (engine: LocalEngine) => Promise<T>): Promise<T>;
  /** Throws where there is no right to write, or files are written over that should not be. */
  probe(): Promise<void>;
  close(): Promise<void>;
}

/** The place that the settings name: a bucket, else a folder. Throws `destination/bad-path` or `destination/settings`. */
export async function openPlace(ctx: DestinationContext): Promise<Place> {
  const { path, bucket } = ctx.use.settings;
  const text = String(path ?? '');
  if (text === '' || /^\w+:\/\//.test(text))
    throw new SluiceError('destination/bad-path', 'config', `"${text}" is no folder.`, {
      hint: 'Give `path` a folder, such as lake/orders; for a table in a store give `bucket` too.',
    });
  return bucket === undefined ? diskPlace(ctx, text) : storePlace(ctx, text);
}

async function diskPlace(ctx: DestinationContext, path: string): Promise<Place> {
  const { root } = ctx.use.settings;
  const full = await realPath(resolve(ctx.projectDir, typeof root === 'string' ? root : '.', path));
  const found = await stat(full).catch(() => null);
  if (found !== null && !found.isDirectory())
    throw new SluiceError('destination/not-a-folder', 'config', `${full} is a file, not a folder.`, {
      hint: 'Give `path` a folder.',
    });
  const staging = join(full, stagingFolder(ctx.key, ctx.runId));
  const folder = new DiskFolder(full, join(staging, 'new'));
  return {
    folder,
    folders: [staging],
    work: () => staging,
    async withEngine(work) {
      const own = join(staging, `work-${randomBytes(6).toString('hex')}`);
      try {
        return await inFolder(ctx, own, work);
      } finally {
        await pruneEmpty(own, full);
      }
    },
    probe: () => probe(folder),
    close: async () => undefined,
  };
}

async function storePlace(ctx: DestinationContext, path: string): Promise<Place> {
  const { ObjectStore } = await import('../shared/s3/store.ts');
  const { S3Folder } = await import('../shared/s3/folder.ts');
  const store = new ObjectStore(ctx.use.settings as S3Settings, ctx.signal, 'destination');
  const folder = new S3Folder(store, path.replace(/^\/+|\/+$/g, ''));
  return {
    folder,
    folders: [],
    work: (engine) => join(engine.spool, 'delta'),
    async withEngine(work) {
      const made = await mkdtemp(join(tmpdir(), 'sluice-delta-'));
      return inFolder(ctx, made, work);
    },
    probe: () => probe(folder),
    close: async () => store.close(),
  };
}

async function inFolder<T>(
  ctx: DestinationContext,
  path: string,
  work: (engine: LocalEngine) => Promise<T>,
): Promise<T> {
  await inFolders(() => mkdir(path, { recursive: true }));
  try {
    return await withLocalEngine({ ...(ctx.budget ?? DEFAULT_BUDGET), folder: path, signal: ctx.signal }, work);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** Removes the folders above a path, up to the table's own, in which nothing is left. */
async function pruneEmpty(path: string, top: string): Promise<void> {
  for (let at = dirname(path); at.length >= top.length; at = dirname(at))
    if (
      !(await rmdir(at).then(
        () => true,
        () => false,
      ))
    )
      return;
}

/**
 * Throws where there is no right to write, or a store writes over an object although it is told not to: then two runs could commit
 * the same version, and one of them would be lost.
 */
async function probe(folder: WritableFolder): Promise<void> {
  const home = `${HOME}/probe-${randomBytes(6).toString('hex')}`;
  const first = await folder.create(`${home}/probe`, Buffer.from('first'));
  const second = await folder.create(`${home}/probe`, Buffer.from('second'));
  await folder.removeAll(home);
  if (first && !second) return;
  throw new SluiceError(
    'destination/conditional-writes',
    'config',
    `${folder.name} writes over files although it is told not to: commits of two runs could not be told apart`,
    { hint: 'Use a store that honours `If-None-Match: *`, or a release of it that does.' },
  );
}
