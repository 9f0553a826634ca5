import type { FormatWriter } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { jsonText, objectText, typedColumn } from '../../model/json-sql.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { DataType } from '../../model/type.ts';
import { copyToFiles } from '../shared/copy.ts';

/** One record per line (NDJSON). The lines are built as text, because the engine's own JSON writer rounds numbers and writes NaN bare. */
export const jsonWriter: FormatWriter = {
  extension: '.ndjson',

  write(engine, request) {
    const fields = request.columns.map((c) => ({ name: c.name, value: jsonText(typedColumn(c.name, c.type), c.type) }));
    const parts = request.partitionBy.map((name) => `, ${ident(name)}`).join('');
    const select = `SELECT ${objectText(fields)} AS "_sluice_line"${parts} FROM (${request.sql}) AS r`;
    // One column without quotes is the text itself; a control character never stands bare in JSON.
    const options = `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER ${literal('\x01')}`;
    return copyToFiles(engine, select, request, options, this.extension);
  },

  // The engine reads long decimals as doubles: good for a look, not for a load.
  read(files, columns) {
    const types = columns.map((c) => `${literal(c.name)}: ${literal(looked(c.type))}`).join(', ');
    const values = columns.map(({ name, type }) =>
      type.kind === 'binary' ? `unhex(substr(${ident(name)}, 3)) AS ${ident(name)}` : ident(name),
    );
    return `SELECT ${values.join(', ')} FROM read_json(${literalList(files)}, format = 'newline_delimited', maximum_object_size = 33554432, hive_partitioning = false, columns = {${types}})`;
  },
};

function looked(type: DataType): string {
  if (type.kind === 'binary') return 'VARCHAR';
  return type.kind === 'decimal' && type.precision > 15 ? 'DOUBLE' : toDuckType(type);
}
