import type { ColumnBuffer } from '../../columnar/column.ts';
import type { FormatReader, LocalFile } from '../../model/component.ts';
import { type ColumnDecoder, columnReader } from '../shared/column-rows.ts';
import { Bytes } from './bytes.ts';
import { type Head, readBlocks, readHead } from './container.ts';
import { Broken, unreadable } from './faults.ts';
import { type Put, putOf } from './puts.ts';
import { columnType, type Node, parseSchema } from './schema.ts';

/** Records after which it is asked whether the columns are full. */
const PIECE = 64;

const decoder: ColumnDecoder = {
  async columns(file) {
    const { fields } = await layoutOf(file);
    return fields.map(({ name, node }) => ({ name, type: columnType(node) }));
  },

  async rows(file, columns, row, between) {
    const { head, fields } = await layoutOf(file);
    const puts = fields.map(({ node }) => putOf(node));
    for await (const block of readBlocks(file, head)) {
      const bytes = new Bytes(block.bytes);
      try {
        for (let i = 0; i < block.count; i++) {
          for (let c = 0; c < puts.length; c++) (puts[c] as Put)(bytes, columns[c] as ColumnBuffer);
          if (!row()) return;
          if (i % PIECE === PIECE - 1) await between(0);
        }
        if (bytes.at !== block.bytes.length) throw new Broken('a block is longer than its records');
      } catch (error) {
        if (error instanceof Broken) throw unreadable(file, block.at, error.message, error);
        throw error;
      }
      await between(block.packed);
    }
  },
};

/** Object container files (Apache Avro 1.12, “Object Container Files”). */
export const avro: FormatReader = columnReader(decoder);

/** A schema that is no record is one column. */
async function layoutOf(file: LocalFile): Promise<{ head: Head; fields: { name: string; node: Node }[] }> {
  const head = await readHead(file);
  try {
    const node = parseSchema(head.schema);
    return { head, fields: node.kind === 'record' ? node.fields : [{ name: 'value', node }] };
  } catch (error) {
    if (error instanceof Broken) throw unreadable(file, 0, error.message, error);
    throw error;
  }
}
