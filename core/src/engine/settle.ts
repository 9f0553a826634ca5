import type { Transform } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { ColumnRule, Stream } from '../model/job.ts';
import { snakeCase } from '../model/snake-case.ts';
import { ident, literal } from '../model/sql.ts';
import type { Column } from '../model/type.ts';
import type { LoadedStep } from './pipeline.ts';
import { BAD, BAD_TEXT, HIDDEN } from './stream-plan.ts';
import { guardedCast, plainRule } from './typing/cast.ts';

/** The name that a column of the source has after `columns`, where the job does not list it. */
export function plannedName(stream: Stream, from: string): string {
  return stream.destination.naming === 'snake_case' ? snakeCase(from) : from;
}

/** Columns that a step makes and whose values the job holds to a type or wants to be there. */
export function heldColumns(stream: Stream): ColumnRule[] {
  return stream.columns.filter((c) => c.derived && (c.type !== null || !c.nullable));
}

/**
 * What follows the job's own transforms: columns that they made get their declared types, and under `naming: snake_case` their
 * names. A row with a value that breaks its type is marked in `_sluice_bad` with the column's name. null: nothing is to be done.
 */
export function settlingStep(stream: Stream): LoadedStep | null {
  const held = heldColumns(stream);
  const listed = stream.columns.some((c) => c.derived);
  if (!listed && stream.destination.naming === 'as_is') return null;
  const transform: Transform = {
    scope: () => 'row',
    keepsRows: true,
    userSql: () => [],
    sql: (_, input) => settleSql(stream, held, input),
  };
  return { step: { type: 'columns', settings: {} }, transform };
}

function settleSql(stream: Stream, held: readonly ColumnRule[], input: readonly Column[]): string {
  const names = new Map<string, string>();
  const listed = new Set(stream.columns.map((c) => c.name));
  requireMade(stream, input);
  const bad: string[] = [];
  const texts: string[] = [];
  const items = input.map((column) => {
    if (HIDDEN.has(column.name)) return ident(column.name);
    const name = listed.has(column.name) ? column.name : plannedName(stream, column.name);
    const taken = names.get(name.toLowerCase());
    if (taken !== undefined) throw collision(stream, name, [taken, column.name]);
    names.set(name.toLowerCase(), column.name);
    const rule = held.find((c) => c.name === column.name);
    if (!rule) return name === column.name ? ident(name) : `${ident(column.name)} AS ${ident(name)}`;
    const cast = rule.type === null ? null : guardedCast(ident(column.name), column.type, plainRule(rule.type, false));
    const tests = [
      ...(cast && cast.bad !== 'false' ? [cast.bad] : []),
      ...(rule.nullable ? [] : [`(${cast ? cast.value : ident(column.name)}) IS NULL`]),
    ];
    if (tests.length > 0) {
      bad.push(`CASE WHEN ${tests.join(' OR ')} THEN ${literal(rule.name)} END`);
      texts.push(`WHEN ${tests.join(' OR ')} THEN ${ident(column.name)}::VARCHAR`);
    }
    return `${cast ? cast.value : ident(column.name)} AS ${ident(name)}`;
  });
  const mark = bad.length > 0 ? `coalesce(${[...bad, 'NULL'].join(', ')})` : 'NULL::VARCHAR';
  const text = texts.length > 0 ? `CASE ${texts.join(' ')} END` : 'NULL::VARCHAR';
  return `SELECT ${items.join(', ')}, ${mark} AS ${ident(BAD)}, ${text} AS ${ident(BAD_TEXT)} FROM "input"`;
}

/** A derived column that no step makes is misspelt somewhere. */
function requireMade(stream: Stream, input: readonly Column[]): void {
  const made = new Set(input.map((c) => c.name.toLowerCase()));
  const missing = stream.columns.find((c) => c.derived && !made.has(c.name.toLowerCase()));
  if (!missing) return;
  const known = input.filter((c) => !HIDDEN.has(c.name)).map((c) => c.name);
  throw new SluiceError('columns/missing', 'config', `No step makes the derived column ${missing.name}`, {
    where: { stream: stream.name, column: missing.name },
    hint: `The columns after the transforms are: ${known.join(', ')}.`,
  });
}

/** Two names that come to one; also for the columns of a source. */
export function collision(stream: Stream, name: string, froms: readonly string[]): SluiceError {
  const why = stream.destination.naming === 'snake_case' ? ' in snake_case' : '';
  return new SluiceError('columns/duplicate', 'config', `${froms.join(' and ')} are both named ${name}${why}`, {
    where: { stream: stream.name, column: name },
    hint: 'Give one of them another name under `columns`.',
  });
}
