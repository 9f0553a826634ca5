import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import type SftpClient from 'ssh2-sftp-client';
import type { DestinationContext } from '../../model/component.ts';
import { messageOf, SluiceError } from '../../model/error.ts';
import { ofDestination } from '../shared/errors.ts';
import { type Disk, isMissing } from '../shared/files/disk.ts';
import { isBroken, openSftp, type SftpSettings } from './client.ts';

type Done<T> = (error: Error | null | undefined, value?: T) => void;

interface Attributes {
  size: number;
  /** Seconds since 1970. */
  mtime: number;
  isDirectory(): boolean;
}

/** What is called of the library's own door to the protocol, which the client's promises leave out in part. */
interface Protocol {
  mkdir(path: string, done: Done<void>): void;
  rmdir(path: string, done: Done<void>): void;
  unlink(path: string, done: Done<void>): void;
  readdir(path: string, done: Done<Entry[]>): void;
  stat(path: string, done: Done<Attributes>): void;
  lstat(path: string, done: Done<Attributes>): void;
  open(path: string, mode: string, done: Done<Buffer>): void;
  close(handle: Buffer, done: Done<void>): void;
  readFile(path: string, done: Done<Buffer>): void;
  writeFile(path: string, bytes: Buffer, done: Done<void>): void;
  fastPut(local: string, path: string, done: Done<void>): void;
  fastGet(path: string, local: string, done: Done<void>): void;
  ext_openssh_rename(from: string, to: string, done: Done<void>): void;
  ext_openssh_fsync(handle: Buffer, done: Done<void>): void;
}

interface Entry {
  filename: string;
  attrs: Attributes;
}

interface Connection {
  client: SftpClient;
  protocol: Protocol;
  /** Fulfilled when it has ended: the library then forgets who waits for an answer. */
  ended: Promise<void>;
}

/** Tries of what may be repeated, each over a new connection where the one before it broke. */
const TRIES = 3;
/** Status codes of the protocol (draft-ietf-secsh-filexfer-02, 7). */
const [NO_SUCH_FILE, PERMISSION_DENIED, OP_UNSUPPORTED] = [2, 3, 8];

/**
 * The disk behind an SFTP server. Renames are those of `posix-rename@openssh.com`, one step on the server; where the server has
 * `fsync@openssh.com` files are durable before they are committed.
 */
export class SftpDisk implements Disk {
  readonly paths = posix;
  readonly #settings: SftpSettings;
  readonly #ctx: Pick<DestinationContext, 'projectDir' | 'signal'>;
  #client: Promise<Connection> | null = null;

  constructor(settings: SftpSettings, ctx: Pick<DestinationContext, 'projectDir' | 'signal'>) {
    this.#settings = settings;
    this.#ctx = ctx;
    ctx.signal.addEventListener('abort', () => this.#drop(), { once: true });
  }

  get address(): string {
    return `${this.#settings.host}:${this.#settings.port ?? 22}`;
  }

  async mkdir(path: string): Promise<void> {
    if ((await this.look(path))?.isFolder) return;
    const parent = posix.dirname(path);
    if (parent !== path && parent !== '.') await this.mkdir(parent);
    const made = await orNull(this.makeNew(path));
    if (made || (await this.look(path))?.isFolder) return;
    const what = made === null ? 'cannot be made' : 'is a file, not a folder';
    throw new SluiceError('destination/not-a-folder', 'config', `${path} ${what}`, {
      hint: 'Give `path` a folder that the user may write to.',
    });
  }

  async makeNew(path: string): Promise<boolean> {
    try {
      await this.#retried(path, (sftp, done: Done<void>) => sftp.mkdir(path, done));
      return true;
    } catch (error) {
      // The protocol has no status for what is there already.
      if (!isMissing(error) && (await this.look(path)) !== null) return false;
      throw error;
    }
  }

  async names(path: string): Promise<string[]> {
    return (await this.#entries(path)).map(({ filename }) => filename);
  }

  async files(path: string): Promise<string[]> {
    const found: string[] = [];
    for (const { filename, attrs } of await this.#entries(path)) {
      const at = posix.join(path, filename);
      if (attrs.isDirectory()) found.push(...(await this.files(at)));
      else found.push(at);
    }
    return found;
  }

  async look(path: string): Promise<{ size: number; isFolder: boolean; modified: Date } | null> {
    const found = await orNull(this.#retried<Attributes>(path, (sftp, done) => sftp.stat(path, done)));
    return found && { size: found.size, isFolder: found.isDirectory(), modified: new Date(found.mtime * 1000) };
  }

  /** Not repeated: whether it took place is not known where the connection breaks. */
  rename(from: string, to: string): Promise<void> {
    return this.#once(from, (sftp, done: Done<void>) => sftp.ext_openssh_rename(from, to, done));
  }

  async remove(path: string): Promise<void> {
    const found = await orNull(this.#retried<Attributes>(path, (sftp, done) => sftp.lstat(path, done)));
    if (found === null) return;
    if (!found.isDirectory()) {
      await orNull(this.#retried(path, (sftp, done: Done<void>) => sftp.unlink(path, done)));
      return;
    }
    for (const name of await this.names(path)) await this.remove(posix.join(path, name));
    await orNull(this.#retried(path, (sftp, done: Done<void>) => sftp.rmdir(path, done)));
  }

  async removeEmpty(path: string): Promise<boolean> {
    return this.#once(path, (sftp, done: Done<void>) => sftp.rmdir(path, done)).then(
      () => true,
      () => false,
    );
  }

  async read(path: string): Promise<string | null> {
    const bytes = await orNull(this.#retried<Buffer>(path, (sftp, done) => sftp.readFile(path, done)));
    return bytes === null ? null : bytes.toString('utf8');
  }

  async *lines(path: string): AsyncIterable<string> {
    yield* ((await this.read(path)) ?? '').split('\n');
  }

  async write(path: string, chunks: Iterable<string>): Promise<void> {
    const bytes = Buffer.from([...chunks].join(''));
    const partial = `${path}.${randomUUID()}.partial`;
    await this.#retried(path, (sftp, done: Done<void>) => sftp.writeFile(partial, bytes, done));
    await this.#syncFile(partial);
    await this.rename(partial, path);
  }

  async sync(path: string): Promise<void> {
    for (const file of await this.files(path)) await this.#syncFile(file);
  }

  /** Names are the server's own affair. */
  async syncNames(): Promise<void> {}

  async bring(local: string, path: string): Promise<void> {
    await this.mkdir(posix.dirname(path));
    await this.#retried(path, (sftp, done: Done<void>) => sftp.fastPut(local, path, done));
    const [wanted, found] = [(await stat(local)).size, (await this.look(path))?.size];
    if (found === wanted) return;
    throw new SluiceError('destination/size', 'transient', `${path} has ${found} bytes, ${wanted} were sent`, {
      hint: 'Look whether the disk of the server is full, and run again.',
    });
  }

  async fetch(path: string, local: string): Promise<void> {
    await this.#retried(path, (sftp, done: Done<void>) => sftp.fastGet(path, local, done));
  }

  async close(): Promise<void> {
    const old = this.#client;
    this.#client = null;
    await old?.then(({ client }) => client.end()).catch(() => undefined);
  }

  async #syncFile(path: string): Promise<void> {
    const handle = await this.#once<Buffer>(path, (sftp, done) => sftp.open(path, 'r+', done));
    try {
      await this.#once(path, (sftp, done: Done<void>) => sftp.ext_openssh_fsync(handle, done)).catch(unsupported);
    } finally {
      await this.#once(path, (sftp, done: Done<void>) => sftp.close(handle, done)).catch(() => undefined);
    }
  }

  async #entries(path: string): Promise<Entry[]> {
    const found = await orNull(this.#retried<Entry[]>(path, (sftp, done) => sftp.readdir(path, done)));
    return (found ?? []).filter(({ filename }) => filename !== '.' && filename !== '..');
  }

  async #retried<T>(path: string, work: (sftp: Protocol, done: Done<T>) => void): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(path, work);
      } catch (error) {
        const isLost = error instanceof SluiceError && error.code === 'destination/lost';
        if (!isLost || attempt >= TRIES || this.#ctx.signal.aborted) throw error;
      }
    }
  }

  async #once<T>(path: string, work: (sftp: Protocol, done: Done<T>) => void): Promise<T> {
    this.#ctx.signal.throwIfAborted();
    const connection = await this.#connected();
    try {
      return await new Promise<T>((resolve, reject) => {
        connection.ended.then(() => reject(new Error('connection closed')));
        work(connection.protocol, (error, value) => (error ? reject(error) : resolve(value as T)));
      });
    } catch (error) {
      if (isBroken(error) && (await this.#client) === connection) this.#drop();
      throw this.#explain(error, path);
    }
  }

  #connected(): Promise<Connection> {
    this.#client ??= this.#connect().catch((error: unknown) => {
      this.#client = null;
      throw error instanceof SluiceError ? ofDestination(error) : error;
    });
    return this.#client;
  }

  async #connect(): Promise<Connection> {
    const client = await openSftp(this.#settings, this.#ctx);
    const { sftp: protocol } = client as unknown as { sftp: Protocol };
    const ended = new Promise<void>((resolve) => {
      for (const event of ['end', 'close', 'error']) client.on(event, () => resolve());
    });
    return { client, protocol, ended };
  }

  #drop(): void {
    const old = this.#client;
    this.#client = null;
    old?.then(({ client }) => client.end()).catch(() => undefined);
  }

  #explain(error: unknown, path: string): Error {
    if (error instanceof SluiceError) return error;
    const { code } = error as { code?: unknown };
    const message = messageOf(error);
    const say = (name: string, kind: 'config' | 'transient', text: string, hint: string) =>
      new SluiceError(`destination/${name}`, kind, text, { where: { path }, hint, cause: error });
    if (code === NO_SUCH_FILE)
      return Object.assign(new Error(`${path} is not there`, { cause: error }), { code: 'ENOENT' });
    if (code === PERMISSION_DENIED)
      return say('permission', 'config', `No right to write ${path}`, 'Give the user the right to write there.');
    if (code === OP_UNSUPPORTED || /does not support this extended request/i.test(message))
      return say(
        'unsupported',
        'config',
        `${this.address} lacks an extension of OpenSSH's SFTP that files are committed with (posix-rename)`,
        'Use a server that has it, as OpenSSH does.',
      );
    if (isBroken(error))
      return say('lost', 'transient', `The connection to ${this.address} was lost at ${path}`, 'Run again.');
    return say(
      'failed',
      'transient',
      `${path} cannot be written: ${message}`,
      'Look for the room on the disk of the server.',
    );
  }
}

/** null where what is asked for is not there. */
function orNull<T>(work: Promise<T>): Promise<T | null> {
  return work.catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
}

function unsupported(error: unknown): void {
  if (!(error instanceof SluiceError) || error.code !== 'destination/unsupported') throw error;
}
