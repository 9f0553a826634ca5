import { messageOf, SluiceError } from '../../model/error.ts';

/** An error of a system that is a destination too, told of the source: `destination/refused` becomes `source/refused`. */
export function ofSource(error: unknown): unknown {
  if (!(error instanceof SluiceError) || !error.code.startsWith('destination/')) return error;
  const { kind, message, where, hint } = error;
  const code = error.code.replace('destination/', 'source/');
  return new SluiceError(code, kind, message, { where, ...(hint === null ? {} : { hint }) });
}

/** An error of a connector that is a source too, told of the destination. */
export function ofDestination(error: SluiceError): SluiceError {
  const { kind, message, where, hint, cause } = error;
  const code = error.code.replace(/^source\//, 'destination/');
  return new SluiceError(code, kind, message, { where, cause, ...(hint === null ? {} : { hint }) });
}

/** A query of `sluice sql` that the destination refused, in its own words. */
export function queryFailed(error: unknown): SluiceError {
  return new SluiceError('destination/query-failed', 'config', messageOf(error));
}

/** What to do about rows that a rule of a table refuses, by the rule. `named`: of those that the system's message names. */
export const RULE_HINTS = {
  notNull: 'The table wants a value there: fill the column with `derive`, or give the table a default for it.',
  foreignKey:
    'A foreign key ties the table to another one: load that one first; rows that others refer to are kept by `merge`, not by `replace`.',
  unique: 'The table takes each such value once: `merge` by that key, or leave doubles out with `dedupe`.',
  rule: 'Change the rule of the table, or leave such rows out with a `filter`.',
  named: 'Make the partition or change the rule that the message names, or leave such rows out with a `filter`.',
} as const;
