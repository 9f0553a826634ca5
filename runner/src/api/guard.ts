import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Store } from '../store/store.ts';
import type { TokenRow } from '../store/tokens.ts';
import { Turns } from './answers.ts';
import { COOKIE, cookieOf, type Identity, type Sessions } from './identity.ts';
import { IssuerUnreachable, OidcVerifier } from './oidc.ts';
import { Problem } from './problems.ts';
import type { ProjectDoor } from './project-door.ts';

/** Names under which the own machine is reached. */
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Answers are data for programs: no browser may run or frame them. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-store',
};

export interface GuardOptions {
  /** Names by which the server is reached beside those of the own machine and that of `api.url`; `*`: any. */
  hosts: readonly string[];
}

/** Sets headers of every answer and refuses names of the server that are none of its own (DNS rebinding). */
export function guard(app: FastifyInstance, door: ProjectDoor, { hosts }: GuardOptions): void {
  app.addHook('onRequest', async (request) => {
    const name = hostName(request.headers.host);
    if (LOOPBACK.has(name) || hosts.includes('*') || hosts.includes(name)) return;
    const { url } = await door.settings();
    if (url !== null && hostName(url.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, '')) === name) return;
    throw new Problem(403, 'api/host', `This server is not called ${name || '(no Host)'}`, {
      hint: 'Set `api.url` of sluice.yaml to the address at which people reach it.',
    });
  });
  app.addHook('onSend', async (_request, reply, payload) => {
    for (const [key, value] of Object.entries(HEADERS)) if (!reply.hasHeader(key)) reply.header(key, value);
    return payload;
  });
}

function hostName(host: string | undefined): string {
  const text = (host ?? '').toLowerCase();
  return text.startsWith('[') ? text.slice(1, text.indexOf(']')) : text.replace(/:\d+$/, '');
}

/** Finds out who makes a request. */
export class Authenticator {
  readonly #store: Store;
  readonly #door: ProjectDoor;
  readonly #sessions: Sessions;
  readonly #lookups = new Turns<TokenRow | null>();
  #oidc: { key: string; verifier: OidcVerifier } | null = null;

  constructor({ store, door, sessions }: { store: Store; door: ProjectDoor; sessions: Sessions }) {
    this.#store = store;
    this.#door = door;
    this.#sessions = sessions;
  }

  /** Throws a Problem with 401, 403 or 503. */
  async identify(request: FastifyRequest): Promise<Identity> {
    const header = request.headers.authorization;
    if (header !== undefined) return this.#bearer(header);
    const session = cookieOf(request.headers.cookie, COOKIE);
    const found = session === null ? null : this.#sessions.find(session);
    if (found === null) throw unknown();
    // A browser sends its cookie along with what other sites make it ask.
    if (!SAFE.has(request.method) || request.headers.upgrade !== undefined) requireOwnOrigin(request);
    return found;
  }

  async #bearer(header: string): Promise<Identity> {
    const token = /^bearer +(\S+)$/i.exec(header)?.[1];
    if (token === undefined) throw unknown();
    const session = this.#sessions.find(token);
    if (session !== null) return session;
    if (token.split('.').length === 3) {
      const found = await this.#verified(token);
      if (found !== null) return found;
    }
    const row = await this.#lookups.get(token, () => this.#store.tokens.find({ project: this.#door.name, token }));
    if (row === null) throw unknown();
    const { name, role, expires_at: expires } = row;
    return { kind: 'token', name, role, user: null, token: name, groups: [], expires };
  }

  async #verified(token: string): Promise<Identity | null> {
    const { oidc } = (await this.#door.settings()).access;
    if (oidc === null) return null;
    const key = JSON.stringify(oidc);
    if (this.#oidc?.key !== key) this.#oidc = { key, verifier: new OidcVerifier(oidc) };
    return this.#oidc.verifier.verify(token).catch((error: unknown) => {
      if (!(error instanceof IssuerUnreachable)) throw error;
      throw new Problem(503, 'api/issuer', error.message, {
        hint: '`access.oidc.issuer` names it; tokens of sluice still work.',
      });
    });
  }
}

function requireOwnOrigin({ headers }: FastifyRequest): void {
  const { origin, host } = headers;
  const own = origin !== undefined && /^https?:\/\//i.test(origin) && origin.replace(/^https?:\/\//i, '') === host;
  if (own || headers['sec-fetch-site'] === 'same-origin') return;
  throw new Problem(403, 'api/origin', 'A session of a browser changes things from pages of this server alone', {
    hint: 'Programs send `Authorization: Bearer TOKEN`.',
  });
}

function unknown(): Problem {
  return new Problem(401, 'api/unauthenticated', 'No token, or one that is not known, expired or revoked', {
    hint: 'Send `Authorization: Bearer TOKEN`; `sluice token create` makes one.',
  });
}
