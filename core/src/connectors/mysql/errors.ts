import { messageOf, SluiceError } from '../../model/error.ts';
import { RULE_HINTS } from '../shared/errors.ts';
import { type MyAddress, showAddress } from './address.ts';

/** An error that the server sent. */
export interface ServerError extends Error {
  code: string;
  errno: number;
}

/** Numbers of the server's errors are positive, those of the network negative. */
export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'errno' in error && 'code' in error && Number(error.errno) > 0;
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

/** Numbers that MariaDB gives another meaning than MySQL, whose names the driver has, or that it has no name for. */
const MARIADB_NAMES: Record<number, string> = { 1969: 'ER_STATEMENT_TIMEOUT', 4025: 'ER_CONSTRAINT_FAILED' };

function codeOf(error: unknown): string {
  if (isServerError(error)) return MARIADB_NAMES[error.errno] ?? String(error.code ?? error.errno);
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
  const hint = ROW_HINTS.find(([pattern]) => pattern.test(code))?.[1];
  const column = columnOf(error);
  if (hint !== undefined)
    return new SluiceError('destination/bad-value', 'data', `MySQL: ${messageOf(error)} (${code})`, {
      where: column === undefined ? {} : { column },
      hint,
      cause: error,
    });
  const wait = WAIT_HINTS[code];
  return new SluiceError('destination/refused', 'transient', `MySQL refuses: ${messageOf(error)} (${code})`, {
    ...(wait === undefined ? {} : { hint: wait }),
    cause: error,
  });
}

const WAIT_HINTS: Record<string, string> = {
  ER_LOCK_WAIT_TIMEOUT: 'Another session holds the table; see information_schema.innodb_trx for which.',
  ER_LOCK_DEADLOCK: 'Another transaction was in the way; try again.',
  ER_STATEMENT_TIMEOUT: 'The statement took longer than max_statement_time.',
  ER_QUERY_TIMEOUT: 'The statement took longer than max_execution_time.',
};

/** Errors that rows bring about, and what to do. */
const ROW_HINTS: [RegExp, string][] = [
  [/^ER_(BAD_NULL_ERROR|NO_DEFAULT_FOR_FIELD|WARN_NULL_TO_NOTNULL)$/, RULE_HINTS.notNull],
  [
    /^ER_DUP_ENTRY(_WITH_KEY_NAME)?$/,
    'The table takes each such value once, as its collation compares them: with most, neither case nor accents nor spaces at the end count. `merge` by that key, give the column a binary collation, or leave doubles out with `dedupe`.',
  ],
  [/^ER_(NO_REFERENCED_ROW|ROW_IS_REFERENCED)(_2)?$/, RULE_HINTS.foreignKey],
  [/^ER_(CONSTRAINT_FAILED|CHECK_CONSTRAINT_VIOLATED|NO_PARTITION_FOR_GIVEN_VALUE)$/, RULE_HINTS.named],
  [
    /^(ER_(DATA_TOO_LONG|WARN_DATA_OUT_OF_RANGE|TRUNCATED_WRONG_VALUE|TRUNCATED_WRONG_VALUE_FOR_FIELD)|(ER_)?WARN_DATA_TRUNCATED)$/,
    'Mend the value in the source, or set such rows aside with a check.',
  ],
];

function columnOf(error: Error): string | undefined {
  return /(?:column|field) [`'](?:.*\.)?[`']?([^`']+)[`']/i.exec(error.message)?.[1];
}

/** A value that a column refuses, with its row where the server tells it; `before`: rows that were sent earlier. */
export function badValue(error: unknown, before: number): unknown {
  const cause = error instanceof SluiceError ? error.cause : error;
  const at = isServerError(cause) ? /at row (\d+)/.exec(cause.message)?.[1] : undefined;
  const hint = isServerError(cause) ? ROW_HINTS.find(([pattern]) => pattern.test(codeOf(cause)))?.[1] : undefined;
  if (!isServerError(cause) || at === undefined || hint === undefined) return error;
  const row = before + Number(at);
  const column = columnOf(cause);
  const place = `Row ${row}${column === undefined ? '' : `, column "${column}"`}`;
  return new SluiceError('destination/bad-value', 'data', `${place}: MySQL does not take the value: ${codeOf(cause)}`, {
    where: { row, ...(column === undefined ? {} : { column }) },
    hint,
  });
}
