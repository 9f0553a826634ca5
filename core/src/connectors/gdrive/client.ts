import { createPrivateKey, createSign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { drive_v3 } from '@googleapis/drive';
import { sheets_v4 } from '@googleapis/sheets';
import { OAuth2Client } from 'google-auth-library';
import type { SourceContext } from '../../model/component.ts';
import { type ErrorPlace, SluiceError } from '../../model/error.ts';
import { backoff, isLost, networkError, pause } from '../shared/network.ts';

export interface DriveSettings {
  credentials?: string;
  credentials_file?: string;
  subject?: string;
  drive_id?: string;
  endpoint?: string;
  token_uri?: string;
  folder_id?: string;
  path?: string;
  file_id?: string;
}

const SHEETS = 'https://www.googleapis.com/auth/spreadsheets.readonly';
const READS = `https://www.googleapis.com/auth/drive.readonly ${SHEETS}`;
/** To move a file or put it in the trash. */
const WRITES = `https://www.googleapis.com/auth/drive ${SHEETS}`;
const TOKEN_URI = 'https://oauth2.googleapis.com/token';
/** Reads of one call that are tried. */
const TRIES = 5;
const LIFETIME_S = 3600;

interface Account {
  email: string;
  key: string;
  tokenUri: string;
}

/** Both APIs in the name of a service account. */
export class Google {
  readonly drive: drive_v3.Drive;
  readonly sheets: sheets_v4.Sheets;
  /** For hints: with whom a folder has to be shared. */
  readonly email: string;
  readonly #signal: AbortSignal;

  private constructor(account: Account, settings: DriveSettings, scope: string, signal: AbortSignal) {
    const auth = new OAuth2Client();
    // The library asks again when the token is about to expire.
    let pending: ReturnType<typeof fetchToken> | null = null;
    auth.refreshHandler = () => {
      // Calls that begin together share one token.
      pending ??= fetchToken(account, settings.subject, scope, signal).finally(() => {
        pending = null;
      });
      return pending;
    };
    const root = settings.endpoint === undefined ? {} : { rootUrl: `${settings.endpoint.replace(/\/+$/, '')}/` };
    this.drive = new drive_v3.Drive({ auth, ...root });
    this.sheets = new sheets_v4.Sheets({ auth, ...root });
    this.email = account.email;
    this.#signal = signal;
  }

  /** Reads the credentials. `writes`: whether files are moved or deleted. Throws `source/auth` without anything of the key. */
  static async open(
    settings: DriveSettings,
    ctx: Pick<SourceContext, 'projectDir' | 'signal'>,
    writes: boolean,
  ): Promise<Google> {
    return new Google(await accountOf(settings, ctx.projectDir), settings, writes ? WRITES : READS, ctx.signal);
  }

  /** One call, tried again where it may pass. Throws SluiceErrors. */
  async call<T>(what: string, work: (options: { signal: AbortSignal; retry: false }) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work({ signal: this.#signal, retry: false });
      } catch (error) {
        if (this.#signal.aborted) throw error;
        if (attempt >= TRIES || !mayPass(error)) throw explainGoogle(error, what, this.email);
        await pause(backoff(attempt), this.#signal);
      }
    }
  }
}

async function accountOf(settings: DriveSettings, projectDir: string): Promise<Account> {
  const { credentials, credentials_file: file } = settings;
  const fault = (message: string) =>
    new SluiceError('source/auth', 'config', message, {
      hint: 'Give the JSON key of a service account as `credentials_file`, or its text as `credentials`.',
    });
  let text = credentials;
  if (text === undefined && file !== undefined) {
    const path = isAbsolute(file) ? file : resolve(projectDir, file);
    text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw fault(`\`credentials_file\` ${file} cannot be read: ${cause.code}`);
    });
  }
  if (text === undefined) throw fault('The connection has no credentials');
  let parsed: { client_email?: unknown; private_key?: unknown; token_uri?: unknown };
  try {
    parsed = JSON.parse(text) ?? {};
  } catch {
    throw fault('The credentials are no JSON');
  }
  const { client_email: email, private_key: key, token_uri: uri } = parsed;
  if (typeof email !== 'string' || typeof key !== 'string')
    throw fault('The credentials are not those of a service account: `client_email` or `private_key` is missing');
  try {
    createPrivateKey(key);
  } catch {
    throw fault('The private key of the credentials cannot be read');
  }
  return { email, key, tokenUri: settings.token_uri ?? (typeof uri === 'string' ? uri : TOKEN_URI) };
}

/** A token for a signed assertion (RFC 7523; Google, OAuth 2.0 for server to server applications). */
async function fetchToken(account: Account, subject: string | undefined, scope: string, signal: AbortSignal) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: account.email, scope, aud: account.tokenUri, iat: now, exp: now + LIFETIME_S };
  const parts = [{ alg: 'RS256', typ: 'JWT' }, subject === undefined ? claims : { ...claims, sub: subject }];
  const unsigned = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = createSign('RSA-SHA256').update(unsigned).sign(account.key, 'base64url');
  const response = await fetch(account.tokenUri, {
    method: 'POST',
    redirect: 'error',
    signal,
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: `${unsigned}.${signature}`,
    }),
  });
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (response.ok && typeof body.access_token === 'string') {
    const seconds = Number(body.expires_in) || LIFETIME_S;
    return { access_token: body.access_token, expiry_date: Date.now() + seconds * 1000 };
  }
  const reason = [body.error, body.error_description].filter((word) => typeof word === 'string').join(': ');
  const kind = response.status >= 500 ? 'transient' : 'config';
  throw new SluiceError('source/auth', kind, `${account.email} gets no token: ${response.status} ${reason}`, {
    hint: 'Check whether the key still exists, the clock of this machine, and with `subject` the delegation of the domain.',
  });
}

const LIMITS: ReadonlySet<string> = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'RATE_LIMIT_EXCEEDED']);

interface Refusal {
  status: number;
  reason: string;
  message: string;
}

function refusalOf(error: unknown): Refusal | null {
  const { response } = error as { response?: { status?: number; data?: unknown } };
  if (typeof response?.status !== 'number') return null;
  const { error: told } = (response.data ?? {}) as {
    error?: { message?: string; errors?: { reason?: string }[]; status?: string };
  };
  return {
    status: response.status,
    reason: told?.errors?.[0]?.reason ?? told?.status ?? '',
    message: told?.message ?? '',
  };
}

/** Whether a call that ended so may be tried again. */
export function mayPass(error: unknown): boolean {
  if (error instanceof SluiceError) return error.kind === 'transient';
  const refusal = refusalOf(error);
  if (!refusal) return isLost(error);
  const { status, reason } = refusal;
  return status === 408 || status === 429 || status >= 500 || (status === 403 && LIMITS.has(reason));
}

/** What an error of a call says to the user. The library's own errors hold the request: nothing of them goes on. */
export function explainGoogle(error: unknown, what: string, email: string, where: ErrorPlace = {}): SluiceError {
  if (error instanceof SluiceError) return error;
  const say = (code: string, kind: 'config' | 'transient', message: string, hint: string) =>
    new SluiceError(`source/${code}`, kind, message, { where, hint });
  const refusal = refusalOf(error);
  if (!refusal) {
    return (
      networkError(error, 'Google') ??
      say('failed', 'transient', `${what} failed: ${error instanceof Error ? error.name : 'unknown'}`, 'Run again.')
    );
  }
  const { status, reason, message } = refusal;
  const said = `${what}: Google answers ${status}${reason === '' ? '' : ` (${reason})`}${message === '' ? '' : `: ${message}`}`;
  if (status === 401) return say('auth', 'config', said, 'Check the credentials.');
  if (/accessNotConfigured|SERVICE_DISABLED/.test(reason))
    return say('permission', 'config', said, 'Switch the Drive and Sheets APIs on in the project of the account.');
  if (status === 403 && !LIMITS.has(reason)) return say('permission', 'config', said, `Share it with ${email}.`);
  if (status === 404)
    return say('missing', 'config', said, `Check the id, and share the folder or file with ${email}.`);
  if (mayPass(error)) return say('unavailable', 'transient', said, 'Run again later.');
  return say('failed', 'config', said, 'Check the settings of the source.');
}
