import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';

/** A file that is no whole Arrow file or stream. */
export function unreadable(file: LocalFile, reason: string, cause?: unknown): SluiceError {
  return new SluiceError('format/unreadable', 'data', `${file.name} cannot be read as Arrow: ${reason}`, {
    where: { path: file.name },
    hint: 'Write the file again, or leave it out with `exclude`.',
    cause,
  });
}

/** What is wrong with a value or a batch, before it is known in which file. */
export class Broken extends Error {}
