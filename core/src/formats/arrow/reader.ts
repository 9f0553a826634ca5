import type { FormatReader, LocalFile } from '../../model/component.ts';
import { messageOf } from '../../model/error.ts';
import type { Column } from '../../model/type.ts';
import { decodedReader, type RowDecoder } from '../shared/decoded.ts';
import { arrowLibrary, openFile } from './batches.ts';
import { cellsOf } from './cells.ts';
import { Broken, unreadable } from './faults.ts';
import { columnsOf } from './types.ts';
import { requireWhole } from './whole.ts';

/** Rows after which others get their turn. */
const PIECE = 1000;

export const decoder: RowDecoder = {
  async columns(file) {
    const { columns, close } = await opened(file);
    await close();
    return columns;
  },

  async rows(file, take, between) {
    const arrow = await arrowLibrary();
    const { columns, batches, close } = await opened(file);
    try {
      for await (const { batch, bytes } of batches()) {
        // For a file without batches the library makes up an empty one, which has no columns.
        if (batch.numRows === 0) continue;
        for (const data of batch.data.children) requireWhole(arrow, data);
        const cells = batch.data.children.map((data, i) => cellsOf(arrow, data, columns[i]?.type ?? { kind: 'text' }));
        for (let row = 0; row < batch.numRows; row++) {
          if (!take(cells.map((cell) => cell(row)))) return;
          if (row % PIECE === PIECE - 1) await between(0);
        }
        await between(bytes);
      }
    } catch (error) {
      throw isFault(error) ? unreadable(file, error.message, error) : error;
    } finally {
      await close();
    }
  },
};

/** Arrow's IPC formats (Arrow Columnar Format 1.5): files and streams, a batch in memory at a time. */
export const arrow: FormatReader = decodedReader(decoder);

/** Damaged offsets and lengths show in what the runtime says of its arrays. */
function isFault(error: unknown): error is Error {
  return error instanceof Broken || error instanceof RangeError || error instanceof TypeError;
}

async function opened(file: LocalFile): Promise<Awaited<ReturnType<typeof openFile>> & { columns: Column[] }> {
  const open = await openFile(file);
  try {
    return { ...open, columns: columnsOf(await arrowLibrary(), open.schema) };
  } catch (error) {
    await open.close();
    throw unreadable(file, messageOf(error), error);
  }
}
