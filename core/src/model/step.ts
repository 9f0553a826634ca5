import type { CheckStep } from './job.ts';
import type { JsonObject } from './json.ts';
import type { Column } from './type.ts';

export type Scope = 'row' | 'run';

/** What a text of user SQL is: one value, one SELECT over `input`, or what stands after ORDER BY. */
export type SqlForm = 'expression' | 'query' | 'order';

export interface Transform {
  /** Row: split by split; run: once over the stream's landed rows of the epoch. */
  scope(settings: JsonObject): Scope;
  /** A SELECT over the relation `input` (quoted as "input"). Columns that begin with `_sluice_` must pass through. */
  sql(settings: JsonObject, input: readonly Column[]): string;
  /** Row steps that yield exactly one row for each: rows need not be counted around them. */
  keepsRows?: boolean;
  /** Row steps that may yield more rows than they take. */
  addsRows?: boolean;
  /** For steps that do nothing but leave rows out, each by itself: the condition (user SQL) that a row has to meet; null where it looks at others too. */
  condition?(settings: JsonObject): string | null;
  /** Texts of user SQL in the settings, for the cage to inspect before any of it runs. */
  userSql(settings: JsonObject): { sql: string; form: SqlForm }[];
  /**
   * Run steps whose answer for a row depends only on rows with the same values in these columns: the engine may run the step
   * on each hash partition of them. null: only the whole relation will do.
   */
  partitionKey?(settings: JsonObject): string[] | null;
}

export interface Check {
  scope(step: CheckStep): Scope;
  /**
   * A boolean expression over the relation's columns that is true for a failing row. In run scope it may call a window
   * function, so it has to stand in a select list, not in WHERE.
   */
  failing?(step: CheckStep, columns: readonly Column[]): string;
  /**
   * Table checks: a SELECT of one row `failed` BOOLEAN, `detail` VARCHAR over the relation `input`. `now` is the run's start
   * as an ISO 8601 instant, so that a retry judges by the same clock.
   */
  verdict?(step: CheckStep, columns: readonly Column[], now: string): string;
  /** Table checks that the number of rows alone decides: they gate the commit without a pass over the rows. */
  byCount?(step: CheckStep, rows: number): { failed: boolean; detail: string };
  /** A message for one failing row or the table, without the values of masked columns. */
  describe(step: CheckStep): string;
  userSql(step: CheckStep): { sql: string; form: SqlForm }[];
  /** As for transforms. */
  partitionKey?(step: CheckStep): string[] | null;
}
