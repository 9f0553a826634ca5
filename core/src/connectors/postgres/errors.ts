import { type ErrorKind, messageOf, SluiceError } from '../../model/error.ts';
import { RULE_HINTS } from '../shared/errors.ts';
import { type PgAddress, showAddress } from './address.ts';

/** What the server sends with an error; all fields are its own words. */
export interface ServerError extends Error {
  code: string;
  where?: string;
  detail?: string;
  column?: string;
}

/** Whether the server itself answered with an error (and not the network or this process). */
export function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(error.code) &&
    'severity' in error
  );
}

/** Whether the session ended under the statement, so that what it did last is not known. */
export function isLost(error: unknown): boolean {
  if (error instanceof SluiceError) return error.code === 'destination/connection-lost';
  return !isServerError(error) || /^(57P0|08|XX)/.test(error.code);
}

const CONNECT_CAUSES: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ECONNRESET: 'the connection was reset',
  ENOENT: 'there is no socket there',
};

/** An error of connecting, in words that show place and cause and no secret: the original error is not attached. */
export function connectError(error: unknown, address: PgAddress): SluiceError {
  const place = showAddress(address);
  if (isServerError(error)) {
    const denied = /^28/.test(error.code);
    const config = denied || error.code === '3D000' || error.code === '42501';
    const code = denied ? 'destination/access-denied' : config ? 'destination/unreachable' : 'destination/refused';
    const kind: ErrorKind = config ? 'config' : 'transient';
    return new SluiceError(
      code,
      kind,
      `Postgres at ${place} refused the connection: ${clean(error.message, address)} (${error.code})`,
      {
        hint: denied
          ? 'Check user and password of the connection.'
          : 'Check the connection, and that the server takes connections.',
      },
    );
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const tls =
    /SSL|TLS|certificate/i.test(`${code} ${error instanceof Error ? error.message : ''}`) || /CERT/.test(code);
  if (tls)
    return new SluiceError(
      'destination/no-encryption',
      'config',
      `Postgres at ${place}: no encrypted connection: ${clean((error as Error).message, address)}.`,
      {
        hint: 'Set `ssl` to what the server offers, and `ssl_ca` to the file of its authority.',
      },
    );
  const cause = CONNECT_CAUSES[code] ?? clean(messageOf(error), address);
  return new SluiceError(
    'destination/unreachable',
    'transient',
    `Postgres at ${place} cannot be reached: ${cause}${code ? ` (${code})` : ''}.`,
    {
      hint: 'Check host and port of the connection, and that the server is up.',
    },
  );
}

function clean(message: string, address: PgAddress): string {
  return address.password ? message.replaceAll(address.password, '***') : message;
}

interface Meaning {
  code: string;
  kind: ErrorKind;
  hint?: string;
}

const MEANINGS: [RegExp, Meaning][] = [
  [
    /^(40001|40P01)$/,
    {
      code: 'destination/conflict',
      kind: 'transient',
      hint: 'Another transaction was in the way; the run is repeated.',
    },
  ],
  [
    /^55P03$/,
    {
      code: 'destination/lock-timeout',
      kind: 'transient',
      hint: 'Another session holds the table; see pg_locks for which.',
    },
  ],
  [
    /^53/,
    { code: 'destination/resources', kind: 'transient', hint: 'The server is out of disk, memory or connections.' },
  ],
  [/^(57P0|08|58)/, { code: 'destination/connection-lost', kind: 'transient' }],
  [
    /^57014$/,
    {
      code: 'destination/timeout',
      kind: 'transient',
      hint: 'A statement was cancelled or took longer than statement_timeout.',
    },
  ],
  [
    /^25006$/,
    {
      code: 'destination/read-only',
      kind: 'transient',
      hint: 'The server takes no writes: it is a standby, or is failing over.',
    },
  ],
  [
    /^42501$/,
    {
      code: 'destination/no-rights',
      kind: 'config',
      hint: 'Grant the user of the connection what the message names. It wants CREATE on the schema, and SELECT, INSERT, UPDATE and DELETE on the table and on `_sluice_*` beside it.',
    },
  ],
  [
    /^P0001$/,
    { code: 'destination/refused', kind: 'transient', hint: 'A trigger or rule of the database refused the rows.' },
  ],
  [
    /^(0A000|2BP01)$/,
    {
      code: 'destination/statement',
      kind: 'config',
      hint: 'A view, rule or policy uses what would change: drop it, run, and make it again, or change the table by hand.',
    },
  ],
  [
    /^23502$/,
    {
      code: 'destination/bad-value',
      kind: 'data',
      hint: RULE_HINTS.notNull,
    },
  ],
  [
    /^23503$/,
    {
      code: 'destination/bad-value',
      kind: 'data',
      hint: RULE_HINTS.foreignKey,
    },
  ],
  [
    /^23505$/,
    {
      code: 'destination/bad-value',
      kind: 'data',
      hint: RULE_HINTS.unique,
    },
  ],
  [
    /^23514$/,
    {
      code: 'destination/bad-value',
      kind: 'data',
      hint: RULE_HINTS.named,
    },
  ],
  [
    /^2[23]/,
    {
      code: 'destination/bad-value',
      kind: 'data',
      hint: 'Mend the value in the source, or set such rows aside with a check.',
    },
  ],
];

/** Gives an error of a statement its kind; errors that speak for themselves already stay as they are. */
export function queryError(error: unknown, address: PgAddress): unknown {
  if (error instanceof SluiceError) return error;
  if (!isServerError(error)) {
    const cause = error instanceof Error ? clean(error.message, address) : String(error);
    return new SluiceError(
      'destination/connection-lost',
      'transient',
      `The connection to Postgres at ${showAddress(address)} was lost: ${cause}.`,
    );
  }
  const meaning = MEANINGS.find(([pattern]) => pattern.test(error.code))?.[1] ?? {
    code: 'destination/statement',
    kind: 'terminal' as const,
  };
  const column = error.column ? { where: { column: error.column } } : {};
  return new SluiceError(meaning.code, meaning.kind, `Postgres: ${error.message} (${error.code})`, {
    ...(meaning.hint ? { hint: meaning.hint } : {}),
    ...column,
    cause: error,
  });
}
