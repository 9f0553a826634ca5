import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as vscode from 'vscode';

/** Where a daemon is reached. */
export interface DaemonAddress {
  url: string;
  token: string;
}

/** What a live stream hands out. */
export interface LiveEvent {
  /** A reader that was cut off gives it as `after`. */
  id: string;
  type: string;
  data: unknown;
}

/** What a person gave for a daemon elsewhere, under the folder of the project. */
const SECRET = 'sluice.daemon:';

/** Daemons of projects: one that a person named, else the one that runs in the project's folder on this machine. */
export class Daemons {
  readonly #secrets: vscode.SecretStorage;

  constructor(secrets: vscode.SecretStorage) {
    this.#secrets = secrets;
  }

  /** null: none is known. */
  async addressOf(dir: string): Promise<DaemonAddress | null> {
    return (await this.named(dir)) ?? (await localDaemon(dir));
  }

  /** What a person named for a project; null: nothing. */
  async named(dir: string): Promise<DaemonAddress | null> {
    const named = await this.#secrets.get(SECRET + dir);
    return named ? (JSON.parse(named) as DaemonAddress) : null;
  }

  /** null: forgets what was named. The token lies in the editor's secret storage alone. */
  async name(dir: string, address: DaemonAddress | null): Promise<void> {
    if (address) await this.#secrets.store(SECRET + dir, JSON.stringify(address));
    else await this.#secrets.delete(SECRET + dir);
  }

  /** Asks the project's daemon; null: there is none. Throws with the words of the daemon where it refuses. */
  async ask<T>(dir: string, method: 'GET' | 'POST', path: string, body?: object): Promise<T | null> {
    const address = await this.addressOf(dir);
    return address ? await ask<T>(address, method, path, body) : null;
  }

  /** Events of a live stream until it ends, or `signal` does; none where there is no daemon. */
  async *follow(dir: string, path: string, signal: AbortSignal): AsyncGenerator<LiveEvent> {
    const address = await this.addressOf(dir);
    if (!address) return;
    const answer = await reach(`${address.url}/api/v1${path}`, { headers: headersOf(address), signal });
    if (!answer.ok || !answer.body) throw new Error(await problemOf(answer));
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of answer.body) {
      rest += decoder.decode(chunk, { stream: true });
      const events = rest.split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events) {
        const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(event)?.[1];
        const data = field('data');
        if (data !== undefined)
          yield { id: field('id') ?? '', type: field('event') ?? 'message', data: JSON.parse(data) };
      }
    }
  }
}

/** The daemon of a folder on this machine, by the file that it keeps there; null: none runs, or it serves no API. */
async function localDaemon(dir: string): Promise<DaemonAddress | null> {
  try {
    const found = JSON.parse(await readFile(join(dir, '.sluice/daemon.json'), 'utf8'));
    process.kill(found.pid, 0);
    if (found.host === null || !found.port || !found.token) return null;
    const host = found.host === '0.0.0.0' ? '127.0.0.1' : found.host.includes(':') ? `[${found.host}]` : found.host;
    return { url: `http://${host}:${found.port}`, token: found.token };
  } catch {
    return null;
  }
}

async function ask<T>(address: DaemonAddress, method: string, path: string, body?: object): Promise<T> {
  const answer = await reach(`${address.url}/api/v1${path}`, {
    method,
    headers: { ...headersOf(address), ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(await problemOf(answer));
  return (await answer.json()) as T;
}

/** An answer of the daemon; throws with the cause in words where it cannot be reached. */
async function reach(url: string, options: RequestInit): Promise<Response> {
  try {
    return await fetch(url, options);
  } catch (error) {
    const { name, message, cause } = error as Error & { cause?: { code?: string; message?: string } };
    const { host } = new URL(url);
    if (name === 'AbortError') throw error;
    if (name === 'TimeoutError') throw new Error(`${host} did not answer within 10 s`);
    const why = cause?.code === 'ECONNREFUSED' ? 'nothing listens there' : (cause?.message ?? message);
    throw new Error(`${host} cannot be reached: ${why}`);
  }
}

function headersOf({ token }: DaemonAddress): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function problemOf(answer: Response): Promise<string> {
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string; code?: string };
  return problem.detail ?? problem.code ?? `the daemon answers ${answer.status}`;
}
