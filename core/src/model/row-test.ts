import type { DataType } from './type.ts';

/**
 * What a row of a source has to meet to be wanted at all, in a form that bounds of a column can answer. It may let more rows
 * through than are wanted, never fewer.
 */
export type RowTest =
  | { all: readonly RowTest[] }
  | { any: readonly RowTest[] }
  | {
      /** The source's name of the column. */
      column: string;
      /** Its type, in which the engine compares. */
      type: DataType;
      compare: Comparison;
      /** SQL of a constant that needs no cast of the column. */
      value: string;
    }
  | { column: string; type: DataType; isNull: boolean };

export type Comparison = '<' | '<=' | '=' | '>=' | '>' | '<>';

/** The leaves of a test. */
export type ColumnTest = Exclude<RowTest, { all: unknown } | { any: unknown }>;

export function columnTests(test: RowTest): ColumnTest[] {
  if ('all' in test) return test.all.flatMap(columnTests);
  return 'any' in test ? test.any.flatMap(columnTests) : [test];
}
