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
  /** Files of the sample that have columns beyond their heads. */
  readonly #whole = new Set<string>();
  #size = SAMPLE_FILES;

  constructor(splits: readonly Split[], stream: Stream, log: TaskLog) {
    this.#all = splits;
    this.#stream = stream;
    this.#log = log;
  }

  get splits(): Split[] {
    const sample = new Set(sampleOf(this.#all, this.#size));
    const chosen = this.#all.filter((split) => sample.has(split) || this.#found.has(split.file?.path ?? ''));
    return chosen.map((split) => (this.#whole.has(split.file?.path ?? '') ? { ...split, whole: true } : split));
  }

  /**
   * Takes in a file that has columns which no file of the sample has, and twice as many of the others, so that a few rounds
   * reach them all; one that was in the sample is looked at as a whole. Any other error is thrown on, as is that of a file that
   * was looked at so.
   */
  grow(error: unknown): null {
    const path = error instanceof SluiceError && error.code === 'format/columns' ? error.where.path : undefined;
    const inSample = this.splits.some((split) => split.file?.path === path);
    const isOurs = this.#all.some((split) => split.file?.path === path);
    if (path === undefined || !isOurs || this.#whole.has(path)) throw error;
    this.#found.add(path);
    if (inSample) this.#whole.add(path);
    else this.#size *= 2;
    this.#log('info', `${path} has columns that were not seen before: looking at more of the data`, {
      stream: this.#stream.name,
    });
    return null;
  }
}
