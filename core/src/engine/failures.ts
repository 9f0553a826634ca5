import { type ErrorPlace, messageOf, SluiceError } from '../model/error.ts';
import { BAD_VALUE, FAILED_CHECK, NOT_KEPT, NULL_VALUE, WIDEN } from './pipeline.ts';

/** What our own SQL raised, by its prefix and index. */
export interface RaisedMark {
  kind: 'widen' | 'bad' | 'null' | 'check';
  index: number;
}

const MARK = new RegExp(`^Invalid Input Error: (${[WIDEN, BAD_VALUE, NULL_VALUE, FAILED_CHECK].join('|')})(\\d+)`);
const NOT_KEPT_MARK = new RegExp(`^Invalid Input Error: ${NOT_KEPT}(.+)$`);
const KINDS: Record<string, RaisedMark['kind']> = {
  [WIDEN]: 'widen',
  [BAD_VALUE]: 'bad',
  [NULL_VALUE]: 'null',
  [FAILED_CHECK]: 'check',
};

/** The mark that an engine error carries, or null. Anchored: a value of the data that looks like a mark is none. */
export function raisedMark(error: unknown): RaisedMark | null {
  const match = MARK.exec(error instanceof Error ? error.message : '');
  const kind = KINDS[match?.[1] ?? ''];
  return kind ? { kind, index: Number(match?.[2]) } : null;
}

const ENGINE_FAULTS: [RegExp, string, 'config' | 'terminal' | 'transient' | 'data', string, string][] = [
  [/INTERRUPT/, 'run/cancelled', 'terminal', 'The run was stopped', ''],
  [
    /No space left on device|could not be written.*disk|Could not write.*space|failed to offload data block/i,
    'engine/disk-full',
    'terminal',
    'The disk is full',
    'Free space where the project keeps its spool (`.sluice/spool`) and where the destination lies, then run again: nothing was committed.',
  ],
  [
    /Out of Memory|failed to allocate|could not allocate block/i,
    'engine/out-of-memory',
    'terminal',
    'The run needs more memory than its budget',
    'Raise `compute.memory`, or lower `compute.workers.max` so that each task gets a larger share.',
  ],
];

/**
 * Turns an engine's error into one that speaks to the user; errors that are ours already pass through. `masked`: columns are
 * masked, and the engine's sentences, which may show values, are left out.
 */
export function engineFailure(error: unknown, where: ErrorPlace, masked = false): SluiceError {
  if (error instanceof SluiceError) return error;
  return quiet(explainEngine(error, where), masked);
}

/** Codes of errors that repeat a sentence of the engine's about the data. */
const SHOWS_VALUES: ReadonlySet<string> = new Set(['sql/value', 'engine/failed', 'format/unreadable']);

/** The error without the words and the cause that came from the engine, where `masked` says so. */
export function quiet(error: SluiceError, masked: boolean): SluiceError {
  if (!masked || !SHOWS_VALUES.has(error.code)) return error;
  const message = 'The engine stopped; what it says is left out, because columns of the stream are masked';
  return new SluiceError(error.code, error.kind, message, {
    where: error.where,
    ...(error.hint === null ? {} : { hint: error.hint }),
  });
}

function explainEngine(error: unknown, where: ErrorPlace): SluiceError {
  const message = messageOf(error);
  for (const [pattern, code, kind, text, hint] of ENGINE_FAULTS) {
    if (pattern.test(message)) {
      return new SluiceError(code, kind, `${text}: ${firstLine(message)}`, {
        where,
        cause: error,
        ...(hint ? { hint } : {}),
      });
    }
  }
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
    return new SluiceError('engine/disk-full', 'terminal', `The disk is full: ${firstLine(message)}`, {
      where,
      cause: error,
    });
  }
  if (/^(Binder|Parser|Catalog) Error/.test(message)) {
    const hint = 'Check the SQL and the column names of this job; `sluice preview` shows the columns that a step sees.';
    return new SluiceError('sql/bind', 'config', firstLine(message), { where, cause: error, hint });
  }
  const column = NOT_KEPT_MARK.exec(firstLine(message))?.[1];
  if (column !== undefined) {
    const hint = 'Declare the type of the column under `columns`, such as text, or `round` its values in a transform.';
    const text = `Column ${column} has a number with more digits than the table can hold beside its own whole numbers`;
    return new SluiceError('type/value', 'data', text, { where: { ...where, column }, hint });
  }
  if (/^(Conversion|Out of Range|Invalid Input) Error/.test(message)) {
    const hint = 'A value of the data does not suit this SQL: guard it with try_cast, or filter it before.';
    return new SluiceError('sql/value', 'data', firstLine(message), { where, cause: error, hint });
  }
  return new SluiceError('engine/failed', 'terminal', firstLine(message), { where, cause: error });
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}
