/** What a run does next follows from the kind alone: config and terminal stop, transient retries, data stops the stream. */
export type ErrorKind = 'config' | 'transient' | 'terminal' | 'data';

/** Where an error arose; each field only where it is known. */
export interface ErrorPlace {
  job?: string;
  stream?: string;
  run?: string;
  task?: number;
  /** The source's own name of the file or split. */
  path?: string;
  /** Physical line, from 1. */
  line?: number;
  /** Row of data, from 1, the header not counted. */
  row?: number;
  byte_offset?: number;
  column?: string;
}

export interface SluiceErrorJson {
  code: string;
  kind: ErrorKind;
  message: string;
  where: ErrorPlace;
  /** What the user can do next. */
  hint: string | null;
}

/**
 * An error that speaks to the user. `code` is one of the rows in `errors.ts`; the message names the place and the
 * cause, `hint` the next step. Never put a secret's value in any of them.
 */
export class SluiceError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly where: ErrorPlace;
  readonly hint: string | null;

  constructor(
    code: string,
    kind: ErrorKind,
    message: string,
    options: { where?: ErrorPlace; hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.kind = kind;
    this.where = options.where ?? {};
    this.hint = options.hint ?? null;
  }

  toJSON(): SluiceErrorJson {
    return { code: this.code, kind: this.kind, message: this.message, where: this.where, hint: this.hint };
  }

  /** Rebuilds an error that crossed a thread or process as JSON. */
  static fromJSON(json: SluiceErrorJson): SluiceError {
    const hint = json.hint === null ? {} : { hint: json.hint };
    return new SluiceError(json.code, json.kind, json.message, { where: json.where, ...hint });
  }
}

/** What an error says; a value that was thrown and is no error, as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
