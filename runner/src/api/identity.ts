import { createHash, randomBytes } from 'node:crypto';
import type { Principal } from '@sluice/core';

/** Who makes a request. */
export interface Identity extends Principal {
  kind: 'token' | 'user' | 'session';
  /** What lists and the audit trail call them. */
  name: string;
  /** ISO 8601; null: it does not end by itself. */
  expires: string | null;
}

export const COOKIE = 'sluice_session';
const SESSION_MS = 12 * 3600_000;
const LINK_MS = 15 * 60_000;
/** The oldest goes where there are more. */
const MOST = 1000;

/**
 * Sessions of browsers, and the one-time codes of sign-in links. They live in this process alone: a restart ends them. Secrets are held
 * as hashes, so that none of them stands in a dump of the memory's maps.
 */
export class Sessions {
  readonly #now: () => number;
  readonly #sessions = new Map<string, { identity: Identity; until: number }>();
  readonly #codes = new Map<string, { identity: Identity; until: number }>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** A code that signs in once, within 15 minutes. */
  createCode(identity: Identity): string {
    return this.#put(this.#codes, identity, LINK_MS);
  }

  /** The identity of a code, which is used up by this; null: there is none. */
  takeCode(code: string): Identity | null {
    const found = this.#get(this.#codes, code);
    this.#codes.delete(hashOf(code));
    return found;
  }

  create(identity: Identity): string {
    const until = new Date(this.#now() + SESSION_MS).toISOString();
    const expires = identity.expires !== null && identity.expires < until ? identity.expires : until;
    return this.#put(this.#sessions, { ...identity, expires }, Date.parse(expires) - this.#now());
  }

  find(session: string): Identity | null {
    return this.#get(this.#sessions, session);
  }

  end(session: string): void {
    this.#sessions.delete(hashOf(session));
  }

  #put(map: Map<string, { identity: Identity; until: number }>, identity: Identity, ms: number): string {
    const text = randomBytes(32).toString('base64url');
    const [oldest] = map.keys();
    if (map.size >= MOST && oldest !== undefined) map.delete(oldest);
    map.set(hashOf(text), { identity, until: this.#now() + ms });
    return text;
  }

  #get(map: Map<string, { identity: Identity; until: number }>, text: string): Identity | null {
    const found = map.get(hashOf(text));
    return found && found.until > this.#now() ? found.identity : null;
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The value of a cookie of a request. */
export function cookieOf(header: string | undefined, name: string): string | null {
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return null;
}
