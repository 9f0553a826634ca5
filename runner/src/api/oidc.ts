import { type Access, principalOf } from '@sluice/core';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import type { Identity } from './identity.ts';

type Oidc = NonNullable<Access['oidc']>;

/** Only signatures that a public key checks: with a shared key whoever can check could also sign. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const PATIENCE_MS = 5000;
/** Clocks of issuer and daemon may differ by this. */
const TOLERANCE_S = 60;

/** The issuer gave no answer, so that nobody can be told from anybody. */
export class IssuerUnreachable extends Error {}

/**
 * Checks tokens of an OpenID Connect issuer by its published keys. Gives null for a token that does not hold: expired, of another
 * audience or issuer, wrongly signed, or of somebody in no group that has a role. Throws IssuerUnreachable.
 */
export class OidcVerifier {
  readonly #settings: Oidc;
  #keys: Promise<ReturnType<typeof createRemoteJWKSet>> | null = null;

  constructor(settings: Oidc) {
    this.#settings = settings;
  }

  async verify(token: string): Promise<Identity | null> {
    const { issuer, audience } = this.#settings;
    try {
      const keys = await this.#keySet();
      const rules = { issuer, audience, algorithms: ALGORITHMS, clockTolerance: TOLERANCE_S, requiredClaims: ['exp'] };
      const { payload } = await jwtVerify(token, keys, rules);
      return this.#identityOf(payload);
    } catch (error) {
      if (error instanceof IssuerUnreachable) throw error;
      if (error instanceof errors.JWKSTimeout) throw new IssuerUnreachable(`${issuer} gave no keys in time`);
      if (error instanceof errors.JOSEError) return null;
      throw new IssuerUnreachable(`${issuer} cannot be asked for its keys`, { cause: error });
    }
  }

  /** Found once; jose then asks for keys again when a token names one that it does not know. */
  #keySet(): Promise<ReturnType<typeof createRemoteJWKSet>> {
    this.#keys ??= discover(this.#settings.issuer).catch((error: unknown) => {
      this.#keys = null;
      throw error;
    });
    return this.#keys;
  }

  #identityOf(payload: JWTPayload): Identity | null {
    const found = principalOf(this.#settings, payload);
    if (found?.user == null) return null;
    return { kind: 'user', name: found.user, ...found, expires: new Date((payload.exp ?? 0) * 1000).toISOString() };
  }
}

async function discover(issuer: string): Promise<ReturnType<typeof createRemoteJWKSet>> {
  const address = `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`;
  const found = await fetch(address, { signal: AbortSignal.timeout(PATIENCE_MS), redirect: 'error' })
    .then((response) => (response.ok ? (response.json() as Promise<{ issuer?: string; jwks_uri?: string }>) : null))
    .catch((error: unknown) => {
      throw new IssuerUnreachable(`${address} cannot be read`, { cause: error });
    });
  if (typeof found?.jwks_uri !== 'string' || found.issuer !== issuer)
    throw new IssuerUnreachable(`${address} does not describe the issuer ${issuer}`);
  return createRemoteJWKSet(new URL(found.jwks_uri), { timeoutDuration: PATIENCE_MS });
}
