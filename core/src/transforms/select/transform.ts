import { hiddenColumns, requireColumns } from '../../model/columns.ts';
import type { Transform } from '../../model/component.ts';
import { ident } from '../../model/sql.ts';
import type { Infer } from '../../spec/schema.ts';
import type { selectSettings } from './spec.ts';

/** Keeps the listed columns in their order, then the hidden ones. Throws `step/unknown_column`. */
export const select: Transform = {
  scope: () => 'row',
  keepsRows: true,
  sql(settings, input) {
    const { columns } = settings as Infer<typeof selectSettings>;
    const kept = [...requireColumns(input, columns, 'select'), ...hiddenColumns(input)];
    return `SELECT ${kept.map((column) => ident(column.name)).join(', ')} FROM "input"`;
  },
  userSql: () => [],
};
