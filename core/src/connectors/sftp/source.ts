import type SftpClient from 'ssh2-sftp-client';
import type { LocalFile, Source, SourceContext, SourceSession, Split } from '../../model/component.ts';
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
  readonly #ctx: SourceContext;
  readonly #settings: SftpSettings;
  #client: Promise<SftpClient> | null = null;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as unknown as SftpSettings;
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
      { list: (folder) => this.#list(folder), look: (path) => this.#look(path), signal: this.#ctx.signal },
      this.#ctx.settings,
    );
  }

  async *splits(): AsyncIterable<Split> {
    let ordinal = 0;
    for await (const file of this.files()) yield splitOf(file, ordinal++);
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

  /** null where there is nothing at the path. */
  async #retried<T>(path: string, work: (client: SftpClient) => Promise<T>): Promise<T | null> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(await this.#connected());
      } catch (error) {
        const told = explainFile(error, path, this.#address) as Error & { code?: string };
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
      read: (from, to) => this.#bytes(below(this.#settings.root, path), from, to),
      explain: (error) => explainFile(error, path, this.#address),
      again: isBroken,
      parts: { bytes: PART_BYTES, atOnce: PARTS_AT_ONCE },
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

  async committed(): Promise<void> {}

  async close(): Promise<void> {
    const old = this.#client;
    this.#client = null;
    await old?.then((client) => client.end()).catch(() => undefined);
  }
}
