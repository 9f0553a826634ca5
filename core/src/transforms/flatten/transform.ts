import { findColumn, refuseHidden, requireColumns } from '../../model/columns.ts';
import type { Transform } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { ident, literal } from '../../model/sql.ts';
import { type Column, formatType } from '../../model/type.ts';
import type { Infer } from '../../spec/schema.ts';
import type { flattenSettings } from './spec.ts';

/**
 * Puts the fields of a struct or json column in its place. Throws `step/unknown_column`, `step/column_type`,
 * `step/unknown_field`, `step/no_fields`, `step/duplicate_column`, `step/reserved_name`.
 */
export const flatten: Transform = {
  scope: () => 'row',
  keepsRows: true,
  sql(settings, input) {
    const { column: name, prefix } = read(settings);
    const [column] = requireColumns(input, [name], 'flatten') as [Column];
    const made = fieldsOf(column, read(settings).fields).map((field) => ({
      name: `${prefix ?? `${column.name}_`}${field.name}`,
      sql: field.sql,
    }));
    refuseTaken(
      made.map((field) => field.name),
      input.filter((other) => other !== column),
    );
    const items = input.flatMap((other) =>
      other === column ? made.map((field) => `${field.sql} AS ${ident(field.name)}`) : [ident(other.name)],
    );
    return `SELECT ${items.join(', ')} FROM "input"`;
  },
  userSql: () => [],
};

function read(settings: JsonObject): Infer<typeof flattenSettings> {
  return settings as Infer<typeof flattenSettings>;
}

function fieldsOf(column: Column, wanted: readonly string[] | undefined): { name: string; sql: string }[] {
  if (column.type.kind === 'json') return jsonFields(column, wanted);
  if (column.type.kind !== 'struct') {
    throw new SluiceError(
      'step/column_type',
      'config',
      `flatten: column ${column.name} is ${formatType(column.type)}, and only a struct or json has fields`,
      { where: { column: column.name }, hint: 'Declare it as `struct<…>` under `columns`, or explode a list first' },
    );
  }
  const { fields } = column.type;
  const taken = wanted?.map((name) => {
    const found = findColumn(fields, name);
    if (found) return found;
    throw new SluiceError('step/unknown_field', 'config', `flatten: ${column.name} has no field "${name}"`, {
      where: { column: column.name },
      hint: `Its fields are: ${fields.map((field) => field.name).join(', ')}`,
    });
  });
  return (taken ?? fields).map(({ name }) => ({
    name,
    sql: `struct_extract(${ident(column.name)}, ${literal(name)})`,
  }));
}

function jsonFields(column: Column, wanted: readonly string[] | undefined): { name: string; sql: string }[] {
  if (wanted === undefined) {
    throw new SluiceError(
      'step/no_fields',
      'config',
      `flatten: the fields of the json column ${column.name} are not known before it is read`,
      { where: { column: column.name }, hint: 'Name them in `fields`, or declare the column as `struct<…>`' },
    );
  }
  const value = ident(column.name);
  const other = `coalesce(json_type(${value}), 'NULL') NOT IN ('OBJECT', 'NULL')`;
  const raised = `error(${literal(`flatten: a value of column ${column.name} is no object`)})`;
  return wanted.map((name) => ({
    name,
    // A key is named by a pointer, because `->>` reads `$` and `/` at its beginning as paths.
    sql: `CASE WHEN ${other} THEN ${raised} ELSE json_extract_string(${value}, ${literal(pointer(name))}) END`,
  }));
}

function pointer(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function refuseTaken(names: readonly string[], others: readonly Column[]): void {
  const seen = new Set(others.map((column) => column.name.toLowerCase()));
  for (const name of names) {
    refuseHidden(name, 'flatten');
    if (seen.has(name.toLowerCase())) {
      throw new SluiceError('step/duplicate_column', 'config', `flatten: there is a column "${name}" already`, {
        where: { column: name },
        hint: 'Give another `prefix`, or drop the other column first',
      });
    }
    seen.add(name.toLowerCase());
  }
}
