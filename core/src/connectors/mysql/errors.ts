import { messageOf, SluiceError } from '../../model/error.ts';
import { type MyAddress, showAddress } from './address.ts';

/** An error that the server sent. */
export interface ServerError extends Error {
  code: string;
  errno: number;
}

export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'errno' in error && 'code' in error && /^ER_/.test(String(error.code));
}

const DENIED: ReadonlySet<string> = new Set([
  'ER_ACCESS_DENIED_ERROR',
  'ER_DBACCESS_DENIED_ERROR',
  'ER_ACCESS_DENIED_NO_PASSWORD_ERROR',
  'ER_BAD_DB_ERROR',
  'ER_HOST_NOT_PRIVILEGED',
]);
const RIGHTS: ReadonlySet<string> = new Set([
  'ER_TABLEACCESS_DENIED_ERROR',
  'ER_COLUMNACCESS_DENIED_ERROR',
  'ER_SPECIFIC_ACCESS_DENIED_ERROR',
]);
const GONE =
  /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT|PROTOCOL_CONNECTION_LOST|PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR|ER_CON_COUNT_ERROR|ER_SERVER_SHUTDOWN|ER_QUERY_INTERRUPTED|ER_CONNECTION_KILLED)$/;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Why no session could be opened. */
export function connectError(error: unknown, address: MyAddress): SluiceError {
  const code = codeOf(error);
  const place = showAddress(address);
  if (DENIED.has(code))
    return new SluiceError(
      'destination/access-denied',
      'config',
      `MySQL at ${place} does not let user "${address.user}" in: ${messageOf(error)} (${code})`,
      { hint: 'Check user, password and database of the connection.', cause: error },
    );
  if (GONE.test(code) || code === '')
    return new SluiceError(
      'destination/unreachable',
      'transient',
      `MySQL at ${place} cannot be reached: ${code || messageOf(error)}`,
      {
        hint: 'Check host and port, and that the server runs.',
        cause: error,
      },
    );
  return new SluiceError(
    'destination/refused',
    'transient',
    `MySQL at ${place} refuses: ${messageOf(error)} (${code})`,
    {
      cause: error,
    },
  );
}

/** The session is no more: what it was doing may or may not have taken place. */
export function isLost(error: unknown): boolean {
  return error instanceof SluiceError && error.code === 'destination/connection-lost';
}

/** A statement's error in our words. */
export function queryError(error: unknown, address: MyAddress): SluiceError {
  const code = codeOf(error);
  const place = showAddress(address);
  if (error instanceof SluiceError) return error;
  if (GONE.test(code) || !isServerError(error))
    return new SluiceError(
      'destination/connection-lost',
      'transient',
      `The connection to MySQL at ${place} was lost: ${code || messageOf(error)}`,
      { cause: error },
    );
  if (RIGHTS.has(code) || DENIED.has(code))
    return new SluiceError('destination/no-rights', 'config', `${messageOf(error)} (${code})`, {
      hint: 'GRANT CREATE, ALTER, DROP, INDEX, SELECT, INSERT, UPDATE, DELETE on the database to the user.',
      cause: error,
    });
  return new SluiceError('destination/refused', 'transient', `MySQL refuses: ${messageOf(error)} (${code})`, {
    cause: error,
  });
}

const BAD_VALUE =
  /^ER_(DATA_TOO_LONG|WARN_DATA_OUT_OF_RANGE|TRUNCATED_WRONG_VALUE|TRUNCATED_WRONG_VALUE_FOR_FIELD|BAD_NULL_ERROR|CONSTRAINT_FAILED|WARN_DATA_TRUNCATED|NO_DEFAULT_FOR_FIELD|WARN_NULL_TO_NOTNULL)$/;

/** A value that a column refuses, with its row where the server tells it; `before`: rows that were sent earlier. */
export function badValue(error: unknown, before: number): unknown {
  const cause = error instanceof SluiceError ? error.cause : error;
  if (!isServerError(cause) || !BAD_VALUE.test(cause.code)) return error;
  const column = /column [`'](?:.*\.)?[`']?([^`']+)[`']/i.exec(cause.message)?.[1];
  const at = /at row (\d+)/.exec(cause.message)?.[1];
  const row = at === undefined ? undefined : before + Number(at);
  const shown = row === undefined ? '' : `Row ${row}${column === undefined ? '' : `, column "${column}"`}: `;
  return new SluiceError('destination/bad-value', 'data', `${shown}MySQL does not take the value: ${cause.code}`, {
    where: { ...(row === undefined ? {} : { row }), ...(column === undefined ? {} : { column }) },
    hint: 'Mend the value in the source, or set such rows aside with a check.',
  });
}
