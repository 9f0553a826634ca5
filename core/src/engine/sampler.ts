import type { Split, TaskLog } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { SAMPLE_FILES, sampleOf } from './splits.ts';

/** The splits that a stream's columns and types are taken from: a few at first, more where others turn out to differ. */
export class Sampler {
  readonly #all: readonly Split[];
  readonly #stream: Stream;
  readonly #log: TaskLog;
  readonly #found = new Set<string>();
  #size = SAMPLE_FILES;

  constructor(splits: readonly Split[], stream: Stream, log: TaskLog) {
    this.#all = splits;
    this.#stream = stream;
    this.#log = log;
  }

  get splits(): Split[] {
    const sample = new Set(sampleOf(this.#all, this.#size));
    return this.#all.filter((split) => sample.has(split) || this.#found.has(split.file?.path ?? ''));
  }

  /**
   * Takes in a file that has columns which no file of the sample has, and twice as many of the others, so that a few rounds
   * reach them all. Any other error is thrown on, as is that of a file that was in the sample.
   */
  grow(error: unknown): null {
    const path = error instanceof SluiceError && error.code === 'format/columns' ? error.where.path : undefined;
    const inSample = this.splits.some((split) => split.file?.path === path);
    if (path === undefined || inSample || !this.#all.some((split) => split.file?.path === path)) throw error;
    this.#found.add(path);
    this.#size *= 2;
    this.#log('info', `${path} has columns that were not seen before: looking at more files`, {
      stream: this.#stream.name,
    });
    return null;
  }
}
