import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../model/error.ts';

const TLS: ReadonlySet<string> = new Set([
  'EPROTO',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_UNTRUSTED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
const LOST: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'ECONNABORTED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'TimeoutError',
]);

/** The code of an error of the network, wherever in its causes it stands; null where there is none. */
export function networkCode(error: unknown, depth = 0): string | null {
  if (!(error instanceof Error) || depth > 5) return null;
  const { code, name, errors, cause } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code) && code !== 'ERR_SSL_WRONG_VERSION_NUMBER')
    return code;
  if (typeof code === 'string' && code.startsWith('ERR_SSL')) return 'EPROTO';
  if (LOST.has(name)) return name;
  return networkCode(errors?.[0], depth + 1) ?? networkCode(cause, depth + 1);
}

/** Whether a transfer that ended so may be taken up again. */
export function isLost(error: unknown): boolean {
  const code = networkCode(error);
  return (
    code !== null && (LOST.has(code) || code === 'ECONNREFUSED' || code === 'EAI_AGAIN' || code === 'EHOSTUNREACH')
  );
}

/**
 * What an error of the network says to the user: name not found, refused, certificate, lost. null where it is none. `host` is
 * shown; it must hold no secret.
 */
export function networkError(error: unknown, host: string): SluiceError | null {
  const code = networkCode(error);
  if (code === null) return null;
  const say = (name: string, kind: 'config' | 'transient', message: string, hint: string) =>
    new SluiceError(`source/${name}`, kind, message, { hint, cause: error });
  if (code === 'ENOTFOUND')
    return say('dns', 'config', `There is no host ${host}`, 'Check the name in the connection, and the name server.');
  if (code === 'EAI_AGAIN')
    return say('dns', 'transient', `The name ${host} cannot be looked up now`, 'Check the name server.');
  if (code === 'ECONNREFUSED')
    return say('refused', 'transient', `${host} refuses connections`, 'Check the port, and whether the server runs.');
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH')
    return say('unreachable', 'transient', `There is no way to ${host}`, 'Check the network and its firewall.');
  if (TLS.has(code))
    return say('tls', 'config', `The encrypted connection to ${host} failed: ${tlsReason(code)}`, TLS_HINT);
  if (LOST.has(code))
    return say('lost', 'transient', `The connection to ${host} was lost or gave no answer (${code})`, 'Run again.');
  return null;
}

const TLS_HINT =
  'Check that port and scheme are those of an encrypted connection and that its certificate is one to be trusted.';

function tlsReason(code: string): string {
  if (code === 'EPROTO') return 'the server does not speak TLS there, or no version that both know';
  if (code.includes('EXPIRED')) return 'its certificate has expired';
  if (code.includes('ALTNAME')) return 'its certificate is made out to another name';
  return `its certificate is not signed by a known authority (${code})`;
}

/** Milliseconds of the first wait; tests that let many tries fail shorten it. */
export function retryBase(): number {
  return Number(process.env.SLUICE_RETRY_MS) || 1000;
}

/** Milliseconds before the next try, with some chance in it so that many clients do not come at once. */
export function backoff(attempt: number): number {
  return Math.min(15_000, (retryBase() / 2) * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
}

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}
