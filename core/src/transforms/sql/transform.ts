import type { Transform } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import { wrapQuery } from '../../model/sql-wrap.ts';
import type { Infer } from '../../spec/schema.ts';
import type { sqlSettings } from './spec.ts';

/** A user's query over the relation. Hidden columns end here: a row of the answer has no place of its own. */
export const sql: Transform = {
  scope: () => 'run',
  sql: (settings, input) => wrapQuery(query(settings), input),
  userSql: (settings) => [{ sql: query(settings), form: 'query' }],
  partitionKey: () => null,
};

function query(settings: JsonObject): string {
  return (settings as Infer<typeof sqlSettings>).query;
}
