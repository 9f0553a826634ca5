import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';

/** A file that is no whole Avro file. */
export function unreadable(file: LocalFile, at: number, reason: string, cause?: unknown): SluiceError {
  return new SluiceError('format/unreadable', 'data', `${file.name} cannot be read as Avro: ${reason}`, {
    where: { path: file.name, byte_offset: at },
    hint: 'Write the file again, or leave it out with `exclude`.',
    cause,
  });
}

/** What is wrong with a value or a block, before it is known where that is. */
export class Broken extends Error {}
