import { requireColumns, userColumns } from '../../model/columns.ts';
import type { Transform } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident } from '../../model/sql.ts';
import type { Infer } from '../../spec/schema.ts';
import type { dropSettings } from './spec.ts';

/** Drops the listed columns. Throws `step/unknown_column`, and `step/no_columns` where none would be left. */
export const drop: Transform = {
  scope: () => 'row',
  keepsRows: true,
  sql(settings, input) {
    const { columns } = settings as Infer<typeof dropSettings>;
    const dropped = new Set(requireColumns(input, columns, 'drop'));
    const kept = input.filter((column) => !dropped.has(column));
    if (userColumns(kept).length === 0) {
      throw new SluiceError('step/no_columns', 'config', 'drop: no column would be left', {
        hint: 'Keep at least one column',
      });
    }
    return `SELECT ${kept.map((column) => ident(column.name)).join(', ')} FROM "input"`;
  },
  userSql: () => [],
};
