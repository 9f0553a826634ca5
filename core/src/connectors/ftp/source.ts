import { posix } from 'node:path';
import { PassThrough } from 'node:stream';
import { type Client, type FileInfo, FTPError } from 'basic-ftp';
import type { LocalFile, Source, SourceContext, SourceSession, Split } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { afterLoadOf, clearAway, isCleared } from '../shared/clear.ts';
import { discoverFiles } from '../shared/discover.ts';
import { download } from '../shared/download.ts';
import { selection } from '../shared/select.ts';
import { below, type Entry, type FoundFile, splitOf, wantedFiles } from '../shared/walk.ts';
import { explainFtp, type FtpSettings, isBroken, openFtp } from './client.ts';

/** Servers allow few connections of one user. */
const CONNECTIONS = 2;

export const source: Source = {
  async connect(ctx) {
    return new FtpSession(ctx);
  },
  async discover(ctx) {
    return discoverFiles(new FtpSession({ ...ctx, settings: { ...ctx.settings, path: '**' } }));
  },
};

class FtpSession implements SourceSession {
  readonly transfers = CONNECTIONS;
  readonly clears: boolean;
  readonly #ctx: SourceContext;
  readonly #settings: FtpSettings;
  /** Connections that nobody uses now: one does one thing at a time. */
  readonly #idle: Client[] = [];
  readonly #all = new Set<Client>();
  /** Whether listings hold exact times, and whether the server tells the time of a file. */
  #exactTimes = false;
  #tellsTimes = true;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as unknown as FtpSettings;
    this.clears = afterLoadOf(ctx.settings) !== null;
    ctx.signal.addEventListener('abort', () => this.#closeAll());
  }

  async test(): Promise<void> {
    await this.#with(below(this.#settings.root, ''), (client) => client.list(below(this.#settings.root, '')));
  }

  files(): AsyncIterable<FoundFile> {
    return wantedFiles(
      {
        list: (folder) => this.#list(folder),
        look: (path) => this.#look(path),
        real: (folder) => this.#real(folder),
        signal: this.#ctx.signal,
      },
      this.#ctx.settings,
    );
  }

  async *splits(): AsyncIterable<Split> {
    const { isSettled } = selection(this.#ctx.settings);
    let ordinal = 0;
    for await (const file of this.files()) {
      const modified = file.modified ?? (await this.#timeOf(file.path));
      if (!isSettled(modified) || isCleared(this.#ctx.settings, file.path)) continue;
      yield splitOf({ ...file, modified }, ordinal++);
    }
  }

  async #list(folder: string): Promise<Entry[]> {
    const path = below(this.#settings.root, folder);
    const entries = await this.#with(path, (client) => client.list(path));
    return (entries ?? []).flatMap((entry) => {
      const kind = kindOf(entry);
      if (kind === null || entry.name === '.' || entry.name === '..') return [];
      // The times of LIST have no seconds and change their form with their age: they tell nothing.
      this.#exactTimes ||= entry.modifiedAt !== undefined;
      return [{ name: entry.name, kind, size: entry.size, modified: entry.modifiedAt ?? null }];
    });
  }

  /** null where nothing is there. */
  async #look(path: string): Promise<Entry | null> {
    const full = below(this.#settings.root, path);
    const size = await this.#with(full, async (client) => {
      const size = await client.size(full).catch((error: unknown) => unknownSize(error));
      if (size !== null) return size;
      // A folder has no size; going there tells whether it is one.
      const here = await client.pwd();
      await client.cd(full);
      await client.cd(here);
      return 'folder' as const;
    });
    if (size === null) return null;
    if (size === 'folder') return { name: path, kind: 'folder', size: 0, modified: null };
    return { name: path, kind: 'file', size, modified: await this.#timeOf(path) };
  }

  async #real(folder: string): Promise<string> {
    const path = below(this.#settings.root, folder);
    const found = await this.#with(path, async (client) => {
      const here = await client.pwd();
      await client.cd(path);
      const real = await client.pwd();
      await client.cd(here);
      return real;
    });
    return found ?? path;
  }

  async #timeOf(path: string): Promise<Date | null> {
    if (this.#exactTimes || !this.#tellsTimes) return null;
    const full = below(this.#settings.root, path);
    return this.#with(full, (client) =>
      client.lastMod(full).catch((error: unknown) => {
        if (!(error instanceof FTPError)) throw error;
        if (error.code === 500 || error.code === 502) this.#tellsTimes = false;
        return null;
      }),
    );
  }

  /** Runs `work` on a connection of its own; a lost one is replaced. null where nothing is at the path. */
  async #with<T>(path: string, work: (client: Client) => Promise<T>): Promise<T | null> {
    for (let attempt = 1; ; attempt++) {
      let client: Client | null = null;
      try {
        client = await this.#take();
        const result = await work(client);
        this.#give(client);
        return result;
      } catch (error) {
        if (client === null) {
          if (attempt >= 3 || !isBroken(error)) throw error;
          continue;
        }
        if (error instanceof FTPError && !isBroken(error)) {
          this.#give(client);
          const told = explainFtp(error, this.#settings, path) as Error & { code?: string };
          if (told.code === 'source/gone') return null;
          throw told;
        }
        this.#drop(client);
        if (attempt >= 3 || this.#ctx.signal.aborted || !isBroken(error)) throw explainFtp(error, this.#settings, path);
      }
    }
  }

  async #take(): Promise<Client> {
    for (let client = this.#idle.pop(); client; client = this.#idle.pop()) {
      if (!client.closed) return client;
      this.#all.delete(client);
    }
    const client = await openFtp(this.#settings, this.#ctx.projectDir);
    this.#all.add(client);
    return client;
  }

  #give(client: Client): void {
    this.#idle.push(client);
  }

  #drop(client: Client): void {
    client.close();
    this.#all.delete(client);
  }

  async fetch(split: Split, spool: string): Promise<LocalFile> {
    const path = split.file?.path ?? '';
    return download({
      split,
      spool,
      signal: this.#ctx.signal,
      came: this.#ctx.came,
      read: (from) => this.#bytes(below(this.#settings.root, path), from),
      explain: (error) => explainFtp(error, this.#settings, path),
      again: isBroken,
    });
  }

  async *#bytes(path: string, from: number): AsyncIterable<Uint8Array> {
    const client = await this.#take();
    const pipe = new PassThrough({ highWaterMark: 1024 * 1024 });
    const done = client.downloadTo(pipe, path, from).then(
      () => this.#give(client),
      (error: unknown) => {
        // A refusal leaves the connection as it was.
        if (error instanceof FTPError && !client.closed) this.#give(client);
        else this.#drop(client);
        pipe.destroy(error as Error);
        throw error;
      },
    );
    done.catch(() => undefined);
    try {
      yield* pipe as AsyncIterable<Uint8Array>;
      await done;
    } finally {
      if (!pipe.readableEnded) this.#drop(client);
    }
  }

  committed(splits: readonly Split[]): Promise<void> {
    const at = (path: string) => below(this.#settings.root, path);
    return clearAway(
      splits,
      this.#ctx.settings,
      {
        look: async (path) => {
          const found = await this.#look(path);
          if (found?.kind !== 'file') return null;
          return { path, size: found.size, modified_at: found.modified?.toISOString() ?? null, etag: null };
        },
        remove: async ({ path }) => {
          await this.#with(at(path), (client) => client.remove(at(path)));
          // One answer stands for what is gone and for what may not be removed.
          if ((await this.#look(path)) !== null) throw refusal('delete', path);
        },
        move: async ({ path }, to) => {
          // A server's rename may overwrite what is there.
          if ((await this.#look(to)) !== null) return false;
          await this.#with(at(path), async (client) => {
            await makeFolders(client, posix.dirname(at(to)));
            await client.rename(at(path), at(to));
          });
          if ((await this.#look(to)) === null) throw refusal('move', path);
          return true;
        },
      },
      this.#ctx.log,
    );
  }

  async close(): Promise<void> {
    this.#closeAll();
  }

  #closeAll(): void {
    for (const client of this.#all) client.close();
    this.#all.clear();
    this.#idle.length = 0;
  }
}

function kindOf(entry: FileInfo): Entry['kind'] | null {
  if (entry.isDirectory) return 'folder';
  if (entry.isFile) return 'file';
  return entry.isSymbolicLink ? 'link' : null;
}

/** A server that tells no size of this path; other errors go on. */
function unknownSize(error: unknown): null {
  if (error instanceof FTPError && !isBroken(error)) return null;
  throw error;
}

function refusal(verb: string, path: string): SluiceError {
  return new SluiceError('source/permission', 'config', `the server does not ${verb} ${path}`, {
    hint: `Give the user the right to ${verb} files there.`,
  });
}

/** Makes a folder and those above it; a server refuses those that are there. */
async function makeFolders(client: Client, folder: string): Promise<void> {
  const parts = folder.split('/');
  for (let n = 1; n <= parts.length; n++) {
    const path = parts.slice(0, n).join('/');
    if (path !== '' && path !== '.') await client.sendIgnoringError(`MKD ${path}`);
  }
}
