import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { SourceContext } from '../../model/component.ts';
import { messageOf, SluiceError } from '../../model/error.ts';
import { parseDuration } from '../../model/units.ts';
import { isLost, networkCode, networkError, pause } from '../shared/network.ts';
import { Authenticator, secretsOf } from './auth.ts';
import { BrokenBody, decoded, ENCODINGS } from './encoding.ts';
import { type Answer, refusal } from './refusal.ts';
import { httpBackoff, retryAfter } from './retry.ts';
import type { HttpSettings } from './settings.ts';
import { BrokenJson } from './slices.ts';

/** Tries of one request. */
const TRIES = 5;
/** A server that is not there at all is given less time. */
const REFUSED_TRIES = 3;
const REDIRECTS = 5;
/** Silence after which a connection is given up. */
const SILENCE_MS = 60_000;
/** Servers that ask for a longer wait make the run fail: the next one may come then. */
const LONGEST_WAIT_MS = 300_000;
const AGAIN: ReadonlySet<number> = new Set([408, 425, 429]);

export interface Ask {
  url: URL;
  method: 'GET' | 'POST';
  /** What the request is called in messages. */
  label: string;
  /** Made for each try. */
  headers?: () => Record<string, string>;
  body?: string;
  /** Statuses beside 2xx that `consume` takes. */
  accepts?: readonly number[];
  tries?: number;
}

/** Requests of one source: who asks, how often, how long; one host gets the credentials and no other. */
export class HttpClient {
  readonly base: URL;
  readonly #settings: HttpSettings;
  readonly #signal: AbortSignal;
  readonly #log: SourceContext['log'];
  readonly #auth: Authenticator;
  readonly #secrets: string[];
  readonly #agents = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) };
  #free = 0;

  constructor(settings: HttpSettings, ctx: Pick<SourceContext, 'signal' | 'log'>) {
    this.#settings = settings;
    this.#signal = ctx.signal;
    this.#log = ctx.log;
    this.base = baseOf(settings);
    this.#secrets = secretsOf(settings);
    this.#auth = new Authenticator(settings, this.base, (url, form, headers) => this.#token(url, form, headers));
  }

  /** The address of a path below `base_url`. Throws where it leads to another host. */
  address(path: string): URL {
    const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(path);
    const url = whole ? new URL(path) : new URL(path.replace(/^\/+/, ''), this.base);
    if (path === '') url.pathname = this.base.pathname.replace(/\/$/, '') || '/';
    else if (!whole) withQuery(url, this.base);
    if (this.trusts(url)) return url;
    throw new SluiceError('source/settings', 'config', `\`path\` leads to another host: ${url.host}`, {
      hint: 'Write a connection with that host as its `base_url`.',
    });
  }

  /** Whether an address may see the credentials: the host of `base_url`, or its encrypted side. */
  trusts(url: URL): boolean {
    const { base } = this;
    if (url.origin === base.origin) return true;
    return url.hostname === base.hostname && url.protocol === 'https:' && url.port === '' && base.port === '';
  }

  /** Takes secrets out of what a server said. */
  redact(text: string): string {
    return this.#secrets.reduce((result, secret) => result.replaceAll(secret, '***'), text);
  }

  /**
   * Sends a request until `consume` has taken all of an answer: what may pass is tried again, a token that has expired is
   * replaced once. Throws SluiceErrors.
   */
  async send<T>(ask: Ask, consume: (answer: Answer) => Promise<T>): Promise<T> {
    const tries = ask.tries ?? TRIES;
    let refreshed = false;
    for (let attempt = 1; ; attempt++) {
      let failure: SluiceError;
      let wait: number | null = null;
      try {
        const answer = await this.#follow(ask);
        if ((answer.status >= 200 && answer.status < 300) || ask.accepts?.includes(answer.status)) {
          return await consume(answer);
        }
        failure = await refusal(answer, ask.label, (text) => this.redact(text));
        if (answer.status === 401 && !refreshed && this.#auth.forget()) {
          refreshed = true;
          continue;
        }
        if (!AGAIN.has(answer.status) && answer.status < 500) throw failure;
        wait = retryAfter(answer.headers['retry-after'], Date.now());
      } catch (error) {
        if (this.#signal.aborted || error instanceof SluiceError) throw error;
        failure = this.#explain(error, ask.label);
        if (failure.kind !== 'transient' || (networkCode(error) === 'ECONNREFUSED' && attempt >= REFUSED_TRIES))
          throw failure;
      }
      if (attempt >= tries) throw failure;
      if (wait !== null && wait > LONGEST_WAIT_MS) throw failure;
      const ms = wait ?? httpBackoff(attempt);
      this.#log('debug', `${failure.message}: again in ${Math.round(ms / 100) / 10} s`);
      await pause(ms, this.#signal);
    }
  }

  #explain(error: unknown, label: string): SluiceError {
    if (error instanceof BrokenBody || error instanceof BrokenJson || isLost(error)) {
      const reason = messageOf(error instanceof Unanswered ? error.cause : error);
      if (!(error instanceof BrokenBody) && !(error instanceof BrokenJson)) {
        const known = networkError(error, hostOf(error, this.base));
        if (known && known.code !== 'source/lost') return known;
      }
      return new SluiceError('source/broken', 'transient', `${label}: the answer broke off or is damaged (${reason})`, {
        hint: 'Run again; nothing of this run was loaded.',
        cause: error,
      });
    }
    const known = networkError(error, hostOf(error, this.base));
    if (known) return known;
    const said = this.redact(String(error instanceof Unanswered ? error.cause : error));
    return new SluiceError('source/failed', 'terminal', `${label} failed: ${said}`, {
      cause: error,
    });
  }

  async #follow(ask: Ask): Promise<Answer> {
    let { url, method, body } = ask;
    for (let hop = 0; ; hop++) {
      await this.#pace();
      const headers: Record<string, string> = { 'accept-encoding': ENCODINGS, 'user-agent': 'sluice' };
      const target = new URL(url.href);
      if (this.trusts(target)) {
        const { headers: own, query } = await this.#auth.credentials();
        Object.assign(headers, lower(this.#settings.headers ?? {}), lower(own));
        for (const [name, value] of query) target.searchParams.set(name, value);
      }
      Object.assign(headers, ask.headers?.());
      if (body !== undefined) headers['content-type'] ??= 'application/json';
      const message = await this.#once(target, method, headers, body);
      const status = message.statusCode ?? 0;
      const location = [301, 302, 303, 307, 308].includes(status) ? message.headers.location : undefined;
      if (location === undefined) return { status, headers: message.headers, url, body: decoded(message) };
      message.resume();
      url = this.#redirected(url, location, ask.label, hop);
      if (status === 303 || (status < 303 && method === 'POST')) {
        method = 'GET';
        body = undefined;
      }
    }
  }

  #redirected(from: URL, location: string, label: string, hop: number): URL {
    const say = (message: string) =>
      new SluiceError('source/redirect', 'config', `${label} ${message}`, { hint: 'Check `base_url` and `path`.' });
    if (hop >= REDIRECTS) throw say('is redirected again and again');
    if (!URL.canParse(location, from.href)) throw say('is redirected to something that is no address');
    const url = new URL(location, from);
    if (url.protocol !== 'https:' && url.protocol !== 'http:') throw say(`is redirected to ${url.protocol}`);
    if (from.protocol === 'https:' && url.protocol === 'http:')
      throw say(`is redirected to ${url.host} without encryption`);
    return url;
  }

  #once(url: URL, method: string, headers: Record<string, string>, body?: string): Promise<IncomingMessage> {
    const isTls = url.protocol === 'https:';
    const options = { method, headers, signal: this.#signal, agent: this.#agents[isTls ? 'https:' : 'http:'] };
    return new Promise((resolve, reject) => {
      const request = isTls ? httpsRequest(url, options, resolve) : httpRequest(url, options, resolve);
      request.setTimeout(SILENCE_MS, () => {
        request.destroy(Object.assign(new Error(`no answer for ${SILENCE_MS / 1000} s`), { code: 'ETIMEDOUT' }));
      });
      request.on('error', (error) => reject(new Unanswered(url.host, error)));
      request.end(body);
    });
  }

  /** A token's request carries nothing but what the token's server is to see. */
  async #token(url: URL, form: URLSearchParams, headers: Record<string, string>): Promise<Buffer> {
    const label = `POST ${shown(url)} (token)`;
    const all = { ...headers, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
    for (let attempt = 1; ; attempt++) {
      const message = await this.#once(url, 'POST', all, form.toString());
      const body = await collect(message, 1_000_000);
      const status = message.statusCode ?? 0;
      if (status >= 200 && status < 300) return body;
      if (status >= 500 && attempt < REFUSED_TRIES) {
        await pause(httpBackoff(attempt), this.#signal);
        continue;
      }
      const reason = this.redact(body.toString('utf8').slice(0, 200));
      throw new SluiceError(
        'source/auth',
        status >= 500 ? 'transient' : 'config',
        `${label} answers ${status}: ${reason}`,
        {
          hint: 'Check `client_id`, `client_secret`, `scope` and `token_url`.',
        },
      );
    }
  }

  async #pace(): Promise<void> {
    const limit = this.#settings.rate_limit;
    if (!limit) return;
    const gap = (parseDuration(limit.per ?? '1s') ?? 1000) / limit.requests;
    const now = Date.now();
    const at = Math.max(now, this.#free);
    this.#free = at + gap;
    if (at > now) await pause(at - now, this.#signal);
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }
}

/** A request without an answer, and the host that gave none: a redirect or a token's request leads to another than `base_url`. */
class Unanswered extends Error {
  readonly host: string;

  constructor(host: string, cause: Error) {
    super(cause.message, { cause });
    this.host = host;
  }
}

function hostOf(error: unknown, base: URL): string {
  return error instanceof Unanswered ? error.host : base.host;
}

/** What stands in the query of `base_url` belongs to every path below it; a path's own parameters of that name win. */
function withQuery(url: URL, base: URL): void {
  const own = new Set(url.searchParams.keys());
  for (const [name, value] of base.searchParams) if (!own.has(name)) url.searchParams.append(name, value);
}

function baseOf(settings: HttpSettings): URL {
  const say = (message: string) =>
    new SluiceError('source/settings', 'config', message, {
      hint: 'Write scheme and host, such as https://api.example.com/v2; credentials stand in `auth`.',
    });
  if (!URL.canParse(settings.base_url)) throw say('`base_url` is no address');
  const base = new URL(settings.base_url);
  if (base.username !== '' || base.password !== '') throw say('`base_url` holds a user or a password');
  if (base.protocol !== 'https:' && base.protocol !== 'http:') throw say(`\`base_url\` is of ${base.protocol}`);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return base;
}

/** An address as messages show it: its query may hold a key. */
export function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** All bytes of an answer. Throws where they are more than `most`. */
export async function collect(body: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > most) {
      throw new SluiceError(
        'source/too-large',
        'config',
        `An answer has more than ${Math.round(most / 1_000_000)} MB`,
        {
          hint: 'Ask for smaller pages.',
        },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function lower(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
