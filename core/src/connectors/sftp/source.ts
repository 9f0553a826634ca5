import { posix } from 'node:path';
import type SftpClient from 'ssh2-sftp-client';
import type { LocalFile, Source, SourceContext, SourceSession, Split } from '../../model/component.ts';
import { afterLoadOf, clearAway, isCleared } from '../shared/clear.ts';
import { discoverFiles } from '../shared/discover.ts';
import { download } from '../shared/download.ts';
import { below, type Entry, type FoundFile, splitOf, wantedFiles } from '../shared/walk.ts';
import { explainFile, isBroken, openSftp, type SftpSettings } from './client.ts';

const PART_BYTES = 4 * 1024 * 1024;
const PARTS_AT_ONCE = 4;
const FILES_AT_ONCE = 4;

export const source: Source = {
  async connect(ctx) {
    return new SftpSession(ctx);
  },
  async discover(ctx) {
    return discoverFiles(new SftpSession({ ...ctx, settings: { ...ctx.settings, path: '**' } }));
  },
};

class SftpSession implements SourceSession {
  readonly transfers = FILES_AT_ONCE;
  readonly clears: boolean;
  readonly #ctx: SourceContext;
  readonly #settings: SftpSettings;
  #client: Promise<SftpClient> | null = null;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as unknown as SftpSettings;
    this.clears = afterLoadOf(ctx.settings) !== null;
  }

  /** One connection serves all transfers; a lost one is replaced by the first that needs it. */
  #connected(): Promise<SftpClient> {
    this.#client ??= openSftp(this.#settings, this.#ctx).catch((error: unknown) => {
      this.#client = null;
      throw error;
    });
    return this.#client;
  }

  get #address(): string {
    return `${this.#settings.host}:${this.#settings.port ?? 22}`;
  }

  async test(): Promise<void> {
    const client = await this.#connected();
    const root = below(this.#settings.root, '');
    await client.list(root).catch((error: unknown) => {
      throw explainFile(error, root, this.#address);
    });
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
    let ordinal = 0;
    for await (const file of this.files())
      if (!isCleared(this.#ctx.settings, file.path)) yield splitOf(file, ordinal++);
  }

  async #list(folder: string): Promise<Entry[]> {
    const path = below(this.#settings.root, folder);
    const entries = await this.#retried(path, (client) => client.list(path));
    return (entries ?? []).map(({ name, type, size, modifyTime }) => ({
      name,
      kind: type === 'd' ? 'folder' : type === 'l' ? 'link' : 'file',
      size,
      modified: new Date(modifyTime),
    }));
  }

  async #look(path: string): Promise<Entry | null> {
    const found = await this.#retried(path, (client) => client.stat(below(this.#settings.root, path)));
    if (!found || !(found.isFile || found.isDirectory)) return null;
    const modified = new Date(found.modifyTime);
    return { name: path, kind: found.isDirectory ? 'folder' : 'file', size: found.size, modified };
  }

  async #real(folder: string): Promise<string> {
    const path = below(this.#settings.root, folder);
    return (await this.#retried(path, (client) => client.realPath(path))) || path;
  }

  /** null where there is nothing at the path. */
  async #retried<T>(path: string, work: (client: SftpClient) => Promise<T>, verb = 'read'): Promise<T | null> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(await this.#connected());
      } catch (error) {
        const told = explainFile(error, path, this.#address, verb) as Error & { code?: string };
        if (told.code === 'source/gone') return null;
        if (attempt >= 3 || !isBroken(error)) throw told;
        this.#drop();
      }
    }
  }

  #drop(): void {
    const old = this.#client;
    this.#client = null;
    old?.then((client) => client.end()).catch(() => undefined);
  }

  async fetch(split: Split, spool: string): Promise<LocalFile> {
    const path = split.file?.path ?? '';
    return download({
      split,
      spool,
      signal: this.#ctx.signal,
      came: this.#ctx.came,
      read: (from, to) => this.#bytes(below(this.#settings.root, path), from, to),
      explain: (error) => explainFile(error, path, this.#address),
      again: isBroken,
      parts: { above: PART_BYTES, bytes: PART_BYTES, atOnce: PARTS_AT_ONCE },
    });
  }

  async *#bytes(path: string, from: number, to: number | null): AsyncIterable<Uint8Array> {
    const client = await this.#connected();
    const end = to === null ? {} : { end: to - 1 };
    const stream = client.createReadStream(path, { start: from, ...end, autoClose: true });
    // It may fail once more after its first failure was told.
    stream.on('error', () => undefined);
    try {
      yield* stream as AsyncIterable<Uint8Array>;
    } catch (error) {
      // Others may have dropped it before.
      if (isBroken(error) && (await this.#client) === client) this.#drop();
      throw error;
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
          return found && { path, size: found.size, modified_at: found.modified?.toISOString() ?? null, etag: null };
        },
        remove: async ({ path }) => {
          await this.#retried(path, (client) => client.delete(at(path), true), 'delete');
        },
        move: async ({ path }, to) => {
          if ((await this.#look(to)) !== null) return false;
          const folder = posix.dirname(at(to));
          await this.#retried(folder, (client) => client.mkdir(folder, true), 'make');
          // The protocol's own rename overwrites nothing.
          await this.#retried(path, (client) => client.rename(at(path), at(to)), 'move');
          return true;
        },
      },
      this.#ctx.log,
    );
  }

  async close(): Promise<void> {
    const old = this.#client;
    this.#client = null;
    await old?.then((client) => client.end()).catch(() => undefined);
  }
}
