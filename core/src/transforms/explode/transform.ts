import { ITEM_COLUMN, requireColumns } from '../../model/columns.ts';
import type { Transform } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import { type Column, formatType } from '../../model/type.ts';
import type { Infer } from '../../spec/schema.ts';
import type { explodeSettings } from './spec.ts';

/**
 * A row for each item of a list; the item's number, from 1, is added to the row's place. No item, no row.
 * Throws `step/unknown_column`, `step/column_type`.
 */
export const explode: Transform = {
  scope: () => 'row',
  addsRows: true,
  sql(settings, input) {
    const [column] = requireColumns(input, [(settings as Infer<typeof explodeSettings>).column], 'explode') as [Column];
    const outer = input.some((other) => other.name === ITEM_COLUMN) ? ident(ITEM_COLUMN) : '[]::BIGINT[]';
    const number = `list_append(${outer}, unnest(range(1, len(${LIST}) + 1)))::BIGINT[] AS ${ident(ITEM_COLUMN)}`;
    const items = input.flatMap((other) => {
      if (other === column) return [`unnest(${LIST}) AS ${ident(column.name)}`];
      return other.name === ITEM_COLUMN ? [] : [ident(other.name)];
    });
    const from = `(SELECT *, ${listSql(column)} AS ${LIST} FROM "input")`;
    return `SELECT ${[...items, number].join(', ')} FROM ${from}`;
  },
  userSql: () => [],
};

const LIST = ident('_sluice_list');

function listSql(column: Column): string {
  const value = ident(column.name);
  if (column.type.kind === 'list') return value;
  if (column.type.kind === 'json') {
    const other = `coalesce(json_type(${value}), 'NULL') NOT IN ('ARRAY', 'NULL')`;
    const raised = `error(${literal(`explode: a value of column ${column.name} is no list`)})`;
    // Not a cast: its error would show the value.
    return `CASE WHEN ${other} THEN ${raised} WHEN json_type(${value}) = 'ARRAY' THEN json_extract(${value}, '$[*]') END`;
  }
  throw new SluiceError(
    'step/column_type',
    'config',
    `explode: column ${column.name} is ${formatType(column.type)}, and only a list has items`,
    { where: { column: column.name }, hint: 'Declare it as `list<…>` under `columns`, or split the text in a derive' },
  );
}
