import type { Engine, RawColumn } from '../../model/component.ts';
import { type DataType, formatType } from '../../model/type.ts';
import { type ColumnFacts, columnFacts, NO_MARKS, type NumberMarks, narrowest } from './candidates.ts';

export type { NumberMarks } from './candidates.ts';

export interface InferredColumn {
  name: string;
  type: DataType;
  /** Every value is a date in digits that reads both with the day and with the month first: it stays text. */
  ambiguousDate: boolean;
  /** In words: what was decided and from what. */
  evidence: string;
}

/**
 * Infers the type of each column that the format knows as text (`type: null`) from a sample relation; typed columns keep
 * theirs. The narrowest type that keeps every value wins: whole numbers are bigint, fractions double while 15 digits
 * hold them and an exact decimal beyond, and what no type keeps as it is written (leading zeros, mixed forms, dates in
 * another order than ISO) stays text. A column without any value is text.
 */
export async function inferTypes(
  engine: Engine,
  relationSql: string,
  columns: readonly RawColumn[],
  marks: NumberMarks = NO_MARKS,
): Promise<InferredColumn[]> {
  const untyped = columns.filter((column) => column.type === null).map((column) => column.name);
  const found = await columnFacts(engine, relationSql, untyped, marks);
  const facts = new Map(found.map((fact) => [fact.name, fact]));
  return columns.map((column) => {
    const fact = facts.get(column.name);
    if (column.type !== null || !fact) {
      const type = column.type ?? { kind: 'text' };
      return { name: column.name, type, ambiguousDate: false, evidence: `${formatType(type)}: the format's own type` };
    }
    if (fact.values === 0 && column.guess) {
      const evidence = `${formatType(column.guess)}: no value in the sample, seen so behind it`;
      return { name: column.name, type: column.guess, ambiguousDate: false, evidence };
    }
    return inferColumn(fact);
  });
}

function inferColumn(fact: ColumnFacts): InferredColumn {
  const type = narrowest(fact);
  const shaped = type.kind === 'text' && fact.values > 0 && fact.dates.shaped === fact.values;
  const dayFirst = shaped && fact.dates.dayFirst === fact.values;
  const monthFirst = shaped && fact.dates.monthFirst === fact.values;
  return {
    name: fact.name,
    type,
    ambiguousDate: dayFirst && monthFirst,
    evidence: `${formatType(type)}: ${reason(fact, type, dayFirst, monthFirst)}`,
  };
}

function reason(fact: ColumnFacts, type: DataType, dayFirst: boolean, monthFirst: boolean): string {
  if (fact.values === 0) return 'no value in the sample';
  const sample = `${fact.values} values in the sample`;
  if (dayFirst && monthFirst)
    return `${sample} are dates whose day and month cannot be told apart; declare type and format`;
  if (dayFirst) return `${sample} look like dates with the day first; declare type and format`;
  if (monthFirst) return `${sample} look like dates with the month first; declare type and format`;
  if (type.kind === 'text') return `${sample}, no narrower type keeps them all as they are written`;
  return `${sample} fit`;
}
