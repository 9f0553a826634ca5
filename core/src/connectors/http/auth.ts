import { SluiceError } from '../../model/error.ts';
import type { Auth, HttpSettings } from './settings.ts';

export interface Credentials {
  headers: Record<string, string>;
  query: [string, string][];
}

/** Fetches a token; the client's own way of asking, without credentials of its own. */
export type Ask = (url: URL, form: URLSearchParams, headers: Record<string, string>) => Promise<Buffer>;

/** Tokens are taken for expired so long before they are. */
const EARLY_MS = 30_000;

/** What a request carries to say who it is from. */
export class Authenticator {
  readonly #auth: Auth;
  readonly #base: URL;
  readonly #ask: Ask;
  #token: { value: string; until: number } | null = null;

  constructor(settings: HttpSettings, base: URL, ask: Ask) {
    this.#auth = settings.auth ?? { type: 'none' };
    this.#base = base;
    this.#ask = ask;
  }

  /** Whether a refused request may be tried once more with a fresh token. */
  forget(): boolean {
    const had = this.#token !== null;
    this.#token = null;
    return had;
  }

  async credentials(): Promise<Credentials> {
    const auth = this.#auth;
    switch (auth.type) {
      case 'none':
        return { headers: {}, query: [] };
      case 'basic':
        return header('Authorization', `Basic ${base64(`${auth.user}:${auth.password}`)}`);
      case 'bearer':
        return header('Authorization', `Bearer ${auth.token}`);
      case 'api_key':
        if (auth.in === 'query') return { headers: {}, query: [[auth.name ?? 'api_key', auth.key]] };
        return header(auth.name ?? 'X-API-Key', auth.key);
      case 'oauth2_client_credentials':
        return header('Authorization', `Bearer ${await this.#fresh(auth)}`);
    }
  }

  async #fresh(auth: Extract<Auth, { type: 'oauth2_client_credentials' }>): Promise<string> {
    if (this.#token && this.#token.until > Date.now()) return this.#token.value;
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (auth.scope !== undefined) form.set('scope', auth.scope);
    const headers: Record<string, string> = {};
    if (auth.credentials_in === 'body') {
      form.set('client_id', auth.client_id);
      form.set('client_secret', auth.client_secret);
    } else {
      const [id, secret] = [encodeURIComponent(auth.client_id), encodeURIComponent(auth.client_secret)];
      headers.authorization = `Basic ${base64(`${id}:${secret}`)}`;
    }
    const url = new URL(auth.token_url, this.#base);
    const answer = tokenOf(await this.#ask(url, form, headers));
    if (answer === null) {
      throw new SluiceError('source/auth', 'config', `${url.host} gave an answer without a token`, {
        hint: 'Check `token_url`: an OAuth 2 server answers with `access_token`.',
      });
    }
    const lifetime = answer.seconds === null ? 300_000 : answer.seconds * 1000;
    this.#token = { value: answer.token, until: Date.now() + Math.max(0, lifetime - EARLY_MS) };
    return answer.token;
  }
}

/** RFC 6749, 5.1: `access_token`, and `expires_in` in seconds. */
function tokenOf(body: Buffer): { token: string; seconds: number | null } | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
  const { access_token, expires_in } = (parsed ?? {}) as { access_token?: unknown; expires_in?: unknown };
  if (typeof access_token !== 'string' || access_token === '') return null;
  const seconds = Number(expires_in);
  return { token: access_token, seconds: expires_in !== undefined && Number.isFinite(seconds) ? seconds : null };
}

/** Every form of the settings' secrets that may turn up in what a server says. */
export function secretsOf(settings: HttpSettings): string[] {
  const { auth = { type: 'none' as const } } = settings;
  const own = Object.entries(auth).filter(([key]) => /^(?:password|token|key|client_secret)$/.test(key));
  const given = [...Object.values(settings.headers ?? {}), ...Object.values(settings.params ?? {}).map(String)];
  // Headers and parameters may hold a key too; short values are words.
  const values = [...own.map(([, value]) => String(value)), ...given.filter((value) => value.length >= 6)];
  if (auth.type === 'basic') values.push(base64(`${auth.user}:${auth.password}`));
  return values
    .filter((value) => value.length >= 3)
    .flatMap((value) => [value, encodeURIComponent(value), base64(value)]);
}

function header(name: string, value: string): Credentials {
  return { headers: { [name]: value }, query: [] };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
