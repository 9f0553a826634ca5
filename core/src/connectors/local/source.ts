import { constants } from 'node:fs';
import { access, open, readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';
import picomatch from 'picomatch';
import type {
  Discovered,
  LocalFile,
  Source,
  SourceContext,
  SourceSession,
  Split,
  SplitsRequest,
} from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { parseDuration } from '../../model/units.ts';
import type { AfterLoad } from '../../spec/after-load.ts';
import type { Infer } from '../../spec/schema.ts';
import { afterLoadOf, clearAway } from '../shared/clear.ts';
import { groupFiles, type ListedFile } from '../shared/discover.ts';
import { DiskFolder } from '../shared/files/disk-folder.ts';
import { localClearing } from './clear.ts';
import { readPipe, STDIN } from './pipe.ts';
import type { sourceSpec } from './spec.ts';

type Settings = Omit<Infer<typeof sourceSpec.settings>, 'after_load'> & { root?: string; after_load?: AfterLoad };

export const source: Source = {
  async connect(ctx) {
    return new LocalSession(ctx);
  },
  discover,
};

/** A folder with more files is listed up to here. */
const MAX_LISTED = 100_000;

/** Files below the root, hidden folders and node_modules passed over. */
async function discover(ctx: SourceContext): Promise<Discovered[]> {
  const { root: written = '.' } = ctx.settings as { root?: string };
  const root = resolve(ctx.projectDir, written);
  const files: ListedFile[] = [];
  const visit = async (folder: string, name: string): Promise<void> => {
    ctx.signal.throwIfAborted();
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? noFolder(folder) : unreadable(folder, error);
    });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules' || files.length >= MAX_LISTED) continue;
      const path = name === '' ? entry.name : `${name}/${entry.name}`;
      const full = join(folder, entry.name);
      if (entry.isDirectory()) await visit(full, path);
      else if (entry.isFile()) files.push({ path, size: (await stat(full).catch(gone))?.size ?? 0 });
    }
  };
  await visit(root, '');
  if (files.length >= MAX_LISTED) ctx.log('warn', `Only the first ${MAX_LISTED} files of ${root} were looked at`);
  return groupFiles(files);
}

function noFolder(folder: string): SluiceError {
  return new SluiceError('source/unreachable', 'config', `There is no folder ${folder}`, {
    hint: 'Check the `root` of the connection; it is relative to the project folder.',
  });
}

class LocalSession implements SourceSession {
  readonly clears: boolean;
  readonly #ctx: SourceContext;
  readonly #settings: Settings;
  readonly #root: string;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as unknown as Settings;
    this.#root = resolve(ctx.projectDir, this.#settings.root ?? '.');
    this.clears = afterLoadOf(ctx.settings) !== null;
  }

  async test(): Promise<void> {
    const found = await stat(this.#root).catch(gone);
    if (!found?.isDirectory()) throw noFolder(this.#root);
    if (await this.#pipe()) return;
    for await (const _ of this.splits(null)) return;
  }

  async *splits(request: SplitsRequest | null): AsyncIterable<Split> {
    const pipe = request && (await this.#pipe());
    if (pipe) {
      yield await readPipe(pipe, toSlashes(this.#settings.path), request, this.#ctx.signal);
      return;
    }
    const { path, exclude } = this.#settings;
    const scan = picomatch.scan(toSlashes(path));
    const fixed = scan.isGlob ? scan.base : toSlashes(path);
    const start = isAbsolute(fixed) ? fixed : join(this.#root, fixed);
    const nameOf = (full: string) =>
      isAbsolute(path) ? toSlashes(full) : toSlashes(full.slice(this.#root.length + 1));
    const wanted = scan.isGlob ? picomatch(toSlashes(path), { dot: false }) : () => true;
    const unwanted = exclude && exclude.length > 0 ? picomatch([...exclude]) : () => false;
    const cleared = this.#movedTo();
    const latest = Date.now() - (parseDuration(this.#settings.min_age) ?? 0);
    let ordinal = 0;
    for (const full of await this.#walk(start, scan.isGlob)) {
      const name = scan.isGlob ? nameOf(full) : toSlashes(path);
      if (!wanted(name) || unwanted(name) || (cleared !== null && full.startsWith(cleared))) continue;
      const found = await stat(full).catch(gone);
      if (!found?.isFile() || found.mtimeMs > latest) continue;
      const file = { path: name, size: found.size, modified_at: found.mtime.toISOString(), etag: null };
      yield { ordinal: ordinal++, bytes: found.size, file, detail: { full } };
    }
  }

  /** The path of a pipe that the job names; null: it names files. */
  async #pipe(): Promise<string | null> {
    const { path } = this.#settings;
    if (toSlashes(path) === STDIN) return STDIN;
    if (picomatch.scan(toSlashes(path)).isGlob) return null;
    const full = resolve(this.#root, path);
    const found = await stat(full).catch(gone);
    if (!found || found.isFile() || found.isDirectory()) return null;
    if (found.isFIFO()) return full;
    throw notAFile(`${full} is a device or a socket, not a file`, 'Write the path of a file or of a pipe.');
  }

  /** All files below a folder by name order, each real folder once, so that a link that points upward ends. */
  async #walk(start: string, isGlob: boolean): Promise<string[]> {
    const found = await stat(start).catch(gone);
    if (!found) return [];
    if (found.isFile()) return [start];
    if (!isGlob) {
      throw notAFile(`${start} is a folder, not a file`, 'Write a pattern, such as `path: folder/*.csv`.');
    }
    const files: string[] = [];
    const seen = new Set<string>();
    const hidden = /(^|[/{,(|])\./.test(this.#settings.path);
    const visit = async (folder: string): Promise<void> => {
      this.#ctx.signal.throwIfAborted();
      const real = await realpath(folder);
      if (seen.has(real)) return;
      seen.add(real);
      const entries = await readdir(folder, { withFileTypes: true }).catch((error: Error) => {
        throw unreadable(folder, error);
      });
      for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
        // No pattern matches below a hidden folder unless it names it, and a link to such a folder must not find it seen.
        if (entry.name.startsWith('.') && !hidden) continue;
        const full = join(folder, entry.name);
        const target = entry.isSymbolicLink() ? await stat(full).catch(gone) : entry;
        if (target?.isDirectory()) await visit(full);
        else if (target?.isFile()) files.push(full);
      }
    };
    await visit(start);
    return files;
  }

  async fetch(split: Split): Promise<LocalFile> {
    const path = String(split.detail.full);
    const name = split.file?.path ?? String(split.detail.name ?? path);
    await access(path, constants.R_OK).catch((error: Error) => {
      throw unreadable(name, error);
    });
    const found = await stat(path);
    return { path, name, size: found.size, modified_at: found.mtime.toISOString(), ordinal: split.ordinal };
  }

  folder(path: string) {
    const root = resolve(this.#root, path);
    return {
      files: new DiskFolder(root, null, 'source'),
      detail: (below: string) => ({ full: join(root, below) }),
    };
  }

  async head(split: Split, bytes: number): Promise<Buffer> {
    const path = String(split.detail.full);
    const handle = await open(path, 'r').catch((error: Error) => {
      throw unreadable(split.file?.path ?? path, error);
    });
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  }

  /** The folder that loaded files go to, with a separator behind it: nothing is read from there. */
  #movedTo(): string | null {
    const { after_load: afterLoad } = this.#settings;
    return afterLoad && 'move' in afterLoad ? join(this.#root, afterLoad.move, sep) : null;
  }

  committed(splits: readonly Split[]): Promise<void> {
    const { settings, log } = this.#ctx;
    return clearAway(splits, { ...settings, path: toSlashes(this.#settings.path) }, localClearing(this.#root), log);
  }

  async close(): Promise<void> {}
}

function notAFile(message: string, hint: string): SluiceError {
  return new SluiceError('source/not-a-file', 'config', message, { hint });
}

function unreadable(name: string, cause: NodeJS.ErrnoException): SluiceError {
  const missing = cause.code === 'ENOENT';
  return new SluiceError(
    missing ? 'source/gone' : 'source/unreadable',
    missing ? 'transient' : 'config',
    missing
      ? `${name} was there when files were listed and is gone now`
      : `Cannot read ${name}: ${cause.code ?? cause.message}`,
    {
      where: { path: name },
      hint: missing
        ? 'Run again; a file that another program moves away can be held back with `min_age`.'
        : 'Give the user that runs sluice the right to read it.',
      cause,
    },
  );
}

function gone(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP') return null;
  throw unreadable(error.path ?? 'path', error);
}

function toSlashes(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/');
}
