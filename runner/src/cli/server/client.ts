import { type ErrorKind, SluiceError } from '@sluice/core';
import { type Command, Option } from 'commander';
import type { ProblemDocument } from '../../api/problems.ts';
import { usage } from '../errors.ts';

export interface ServerOptions {
  server?: string;
}

/** Adds `--server` to a command that a daemon elsewhere can do. */
export function withServer(command: Command): Command {
  const option = new Option('--server <url>', 'ask the daemon there, with the token in SLUICE_TOKEN');
  return command.addOption(option.env('SLUICE_SERVER'));
}

/** The daemon that was named; null: it is done here. Throws `usage/server` where the address or the token is missing. */
export function serverOf({ server }: ServerOptions): Server | null {
  if (server === undefined || server === '') return null;
  const token = process.env.SLUICE_TOKEN ?? '';
  if (!URL.canParse(server) || !/^https?:/i.test(server))
    throw usage('server', `--server wants an address such as https://sluice.example:8000, not ${server}`);
  if (token === '')
    throw usage('server', 'SLUICE_TOKEN is not set', '`sluice token create NAME` makes a token where the daemon runs.');
  return new Server(server.replace(/\/+$/, ''), token);
}

/** What a request may say beside its path. */
interface Asked {
  method?: 'GET' | 'POST';
  body?: object;
  query?: Readonly<Record<string, string | number | undefined>>;
}

const PATIENCE_MS = 120_000;
const TRIES = 5;
const PAUSE_MS = 1000;

/** An event of a live stream. */
export interface ServerEvent {
  id: string;
  type: string;
  data: Record<string, unknown>;
}

/** The HTTP API of a daemon elsewhere. */
export class Server {
  readonly url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  /** The answer's JSON. Throws the API's problem as an error: `api/…`, `job/…`, `server/unreachable`. */
  async ask<T>(path: string, { method = 'GET', body, query }: Asked = {}): Promise<T> {
    const response = await this.#fetch(path, {
      ...(query ? { query } : {}),
      init: {
        ...{ method, signal: AbortSignal.timeout(PATIENCE_MS) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
      },
    });
    return (await response.json()) as T;
  }

  /** Events of a live stream up to its end; a connection that breaks is made again behind the last event that came. */
  async *events(path: string, query: Asked['query'], signal: AbortSignal): AsyncGenerator<ServerEvent> {
    let last: string | null = null;
    for (let left = TRIES; left > 0 && !signal.aborted; left--) {
      try {
        const headers: Record<string, string> = last === null ? {} : { 'last-event-id': last };
        const response = await this.#fetch(path, { ...(query ? { query } : {}), init: { headers, signal } });
        for await (const event of parse(response)) {
          left = TRIES;
          last = event.id;
          yield event;
          if (event.type === 'end') return;
        }
      } catch (error) {
        if (signal.aborted) return;
        const isBroken = !(error instanceof SluiceError) || error.code === 'server/unreachable';
        if (!isBroken || left === 1) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #fetch(path: string, { query = {}, init }: { query?: Asked['query']; init: RequestInit }): Promise<Response> {
    const address = new URL(`${this.url}/api/v1${path}`);
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) address.searchParams.set(key, String(value));
    const headers = { ...init.headers, authorization: `Bearer ${this.#token}` };
    const response = await fetch(address, { ...init, headers, redirect: 'error' }).catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    if (response.ok) return response;
    throw await this.#problem(response);
  }

  async #problem(response: Response): Promise<SluiceError> {
    const text = await response.text().catch(() => '');
    const isProblem = /problem\+json/.test(response.headers.get('content-type') ?? '');
    if (!isProblem) {
      return new SluiceError(
        'server/answer',
        'terminal',
        `${this.url} answered ${response.status}, and not as a daemon does`,
        {
          hint: 'Check the address: is it that of `sluice daemon`, without /api/v1?',
        },
      );
    }
    const { code, detail, hint, where, status, diagnostics = [] } = JSON.parse(text) as ProblemDocument;
    const lines = diagnostics.map(({ file, range, message }) => `${file}:${range.start.line + 1}: ${message}`);
    const kind: ErrorKind = status >= 500 || status === 429 ? 'transient' : 'config';
    const more = { ...(hint == null ? {} : { hint }), ...(where ? { where } : {}) };
    return new SluiceError(code, kind, [detail, ...lines].join('\n'), more);
  }

  #unreachable(error: unknown): SluiceError {
    const { cause, message } = error as Error & { cause?: { message?: string; code?: string } };
    const why = cause?.message || cause?.code || message;
    return new SluiceError('server/unreachable', 'transient', `${this.url} cannot be reached: ${why}`, {
      hint: 'Check --server or SLUICE_SERVER, and that `sluice daemon` runs there.',
    });
  }
}

async function* parse(response: Response): AsyncGenerator<ServerEvent> {
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
      const lines = text.slice(0, at).split('\n');
      text = text.slice(at + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
      if (field('data') !== '') yield { id: field('id'), type: field('event'), data: JSON.parse(field('data')) };
    }
  }
}
