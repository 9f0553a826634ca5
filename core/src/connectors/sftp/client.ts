import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import SftpClient from 'ssh2-sftp-client';
import type { SourceContext } from '../../model/component.ts';
import { messageOf, SluiceError } from '../../model/error.ts';
import { isLost, networkError } from '../shared/network.ts';
import { algorithmsOf, fingerprint, type KnownKey, keyType, knownKeys, matchesPin } from './host-key.ts';
import { keyFault, readableKey } from './private-key.ts';

export interface SftpSettings {
  host: string;
  port?: number;
  user?: string;
  password?: string;
  private_key?: string;
  private_key_file?: string;
  passphrase?: string;
  host_key?: string;
  known_hosts_file?: string;
  root?: string;
}

const READY_MS = 20_000;
/** A server that is silent for three of these is gone. */
const ALIVE_MS = 10_000;

/** Opens a connection. Throws SluiceErrors that say what is wrong, without a secret. */
export async function openSftp(settings: SftpSettings, ctx: Pick<SourceContext, 'projectDir'>): Promise<SftpClient> {
  const { host, port = 22, user, password, passphrase } = settings;
  const key = await privateKey(settings, ctx.projectDir);
  const trust = await trustOf(settings, ctx.projectDir);
  let refused: SluiceError | null = null;
  const quiet = () => undefined;
  const client = new SftpClient('sluice', { error: quiet, end: quiet, close: quiet });
  // A connection that breaks says so wherever it is used; by itself it would end the process.
  client.on('error', quiet);
  if (password !== undefined) {
    // Servers that want the password this way ask for it in words of their own.
    client.on(
      'keyboard-interactive',
      (_name, _text, _lang, prompts: unknown[], finish: (answers: string[]) => void) => {
        finish(prompts.map(() => password));
      },
    );
  }
  try {
    await client.connect({
      host,
      port,
      username: user ?? 'root',
      ...(password === undefined ? {} : { password, tryKeyboard: true }),
      ...(key === undefined ? {} : { privateKey: key }),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(trust.algorithms.length > 0 ? { algorithms: { serverHostKey: trust.algorithms as never[] } } : {}),
      hostVerifier: (blob: Buffer) => {
        refused = trust.judge(blob);
        return refused === null;
      },
      readyTimeout: READY_MS,
      keepaliveInterval: ALIVE_MS,
      keepaliveCountMax: 3,
    });
    // Of the small packets of a call the second would wait until the server's system has acknowledged the first, 40 ms on Linux.
    underlying(client).setNoDelay(true);
    return client;
  } catch (error) {
    await client.end().catch(() => false);
    throw refused ?? explainConnect(error, settings);
  }
}

/** The connection that the library's promises go over; its type is not part of the library's public interface. */
function underlying(client: SftpClient): { setNoDelay(on: boolean): void } {
  return (client as unknown as { client: { setNoDelay(on: boolean): void } }).client;
}

function explainConnect(error: unknown, settings: SftpSettings): SluiceError {
  const { host, port = 22, user = 'root', password, passphrase } = settings;
  const message = messageOf(error);
  const key = keyFault(message, passphrase);
  if (key) return key;
  const address = `${host}:${port}`;
  const network = networkError(error, address);
  if (network) return network;
  if (/authentication methods failed|authentication failure/i.test(message)) {
    const tried = [...(password === undefined ? [] : ['password']), ...(hasKey(settings) ? ['private key'] : [])];
    const ways = tried.length > 0 ? tried.join(' and ') : 'no password and no key';
    return new SluiceError('source/auth', 'config', `${address} refuses user ${user} (${ways})`, {
      hint: 'Check `user`, and `password` or `private_key_file`.',
    });
  }
  if (/timed out|timeout/i.test(message)) {
    return new SluiceError('source/lost', 'transient', `${address} gave no answer in ${READY_MS / 1000} s`, {
      hint: 'Check host, port and firewall.',
    });
  }
  if (/host key|no matching/i.test(message)) {
    return new SluiceError(
      'source/host-key',
      'config',
      `${address} has no host key of the kinds that are known of it`,
      {
        hint: 'Look which keys the server has now (`ssh-keyscan`), and whether it is still the same server.',
      },
    );
  }
  return new SluiceError('source/lost', 'transient', `The connection to ${address} failed: ${plain(message)}`, {
    hint: 'Check that an SSH server listens there.',
  });
}

function hasKey(settings: SftpSettings): boolean {
  return settings.private_key !== undefined || settings.private_key_file !== undefined;
}

/** The library puts names of its functions before what went wrong. */
function plain(message: string): string {
  return message.replace(/^(?:\w+->|\w+: )+/, '');
}

async function privateKey(settings: SftpSettings, projectDir: string): Promise<string | undefined> {
  const { private_key: own, private_key_file: file, passphrase } = settings;
  if (own !== undefined) return readableKey(own, passphrase);
  if (file === undefined) return undefined;
  const text = await readFile(pathOf(file, projectDir), 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SluiceError('source/settings', 'config', `The private key's file ${file} cannot be read: ${cause.code}`, {
      hint: 'Check `private_key_file`.',
    });
  });
  return readableKey(text, passphrase);
}

interface Trust {
  algorithms: string[];
  /** null: the key is the one that is known. */
  judge(blob: Buffer): SluiceError | null;
}

/** How the server's key is judged: what is not known is refused. */
async function trustOf(settings: SftpSettings, projectDir: string): Promise<Trust> {
  const { host, port = 22, host_key: pin, known_hosts_file: file } = settings;
  const address = `${host}:${port}`;
  if (pin !== undefined) {
    const type = /^[a-z0-9@.-]+(?=\s)/.exec(pin.trim())?.[0];
    return {
      algorithms: type === undefined ? [] : algorithmsOf([{ type, blob: Buffer.alloc(0) }]),
      judge: (blob) => (matchesPin(pin, blob) ? null : stranger(address, blob, 'is not the one of `host_key`')),
    };
  }
  const path = pathOf(file ?? '~/.ssh/known_hosts', projectDir);
  const text = await readFile(path, 'utf8').catch(() => '');
  const { known, revoked } = knownKeys(text, host, port);
  return {
    algorithms: algorithmsOf(known),
    judge: (blob) => judge(address, blob, known, revoked),
  };
}

function judge(address: string, blob: Buffer, known: readonly KnownKey[], revoked: readonly KnownKey[]) {
  if (revoked.some((key) => key.blob.equals(blob))) return stranger(address, blob, 'is revoked');
  if (known.some((key) => key.blob.equals(blob))) return null;
  return stranger(address, blob, known.length > 0 ? 'is not the one that is known' : 'is not known');
}

function stranger(address: string, blob: Buffer, what: string): SluiceError {
  const shown = `${fingerprint(blob)} (${keyType(blob)})`;
  return new SluiceError('source/host-key', 'config', `The key of ${address} ${what}: ${shown}`, {
    hint: 'Ask the owner of the server for its fingerprint; if it is this one, write it as `host_key`, or enter the key into known_hosts.',
  });
}

function pathOf(path: string, projectDir: string): string {
  const full = path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
  return isAbsolute(full) ? full : resolve(projectDir, full);
}

/** Whether a transfer that ended so may go on over a new connection. */
export function isBroken(error: unknown): boolean {
  const { code, message = '' } = error as { code?: unknown; message?: string };
  if (isLost(error) || code === 'ERR_NOT_CONNECTED' || code === 'ERR_GENERIC_CLIENT') return true;
  return /no response from server|not connected|connection (?:lost|closed|reset)|keepalive|socket (?:closed|hang)/i.test(
    message,
  );
}

/** What an error of a file or folder says to the user. */
export function explainFile(error: unknown, path: string, address: string, verb = 'read'): Error {
  if (error instanceof SluiceError) return error;
  const { code, message = '' } = error as { code?: unknown; message?: string };
  const where = { path };
  const say = (name: string, kind: 'config' | 'transient', text: string, hint: string) =>
    new SluiceError(`source/${name}`, kind, text, { where, hint, cause: error });
  if (code === 2 || code === 'ENOENT' || /no such file/i.test(message))
    return say(
      'gone',
      'transient',
      `${path} is not there`,
      path.includes('\ufffd')
        ? 'Its name is not in UTF-8 on the server, so that it cannot be asked for: rename it there, or `exclude` it.'
        : 'Check the path; a file may have been moved away since it was listed.',
    );
  if (code === 3 || code === 'EACCES' || /permission denied/i.test(message))
    return say('permission', 'config', `No right to ${verb} ${path}`, `Give the user the right to ${verb} it.`);
  if (isBroken(error))
    return say('lost', 'transient', `The connection to ${address} was lost at ${path}`, 'Run again.');
  return say('failed', 'transient', `The server refuses to ${verb} ${path}: ${plain(message)}`, 'Run again.');
}
