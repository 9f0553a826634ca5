import type { LocalFile, Split } from '../model/component.ts';
import { type Fetching, fetchAll } from './spool.ts';

/** Files are handed over when so many bytes of them are there: each query costs some milliseconds whatever it reads. Tests make it small. */
export const GROUP = { bytes: 64_000_000 };

/** Files of a source elsewhere on their way into the spool, for work that begins with those that are there. */
export class Arrivals {
  readonly #files: (LocalFile | undefined)[] = [];
  readonly count: number;
  readonly #all: Promise<LocalFile[]>;
  #wake: () => void = () => undefined;
  /** What ended the transfers; undefined: nothing did. */
  failure: unknown;

  constructor(work: Fetching, splits: readonly Split[]) {
    this.count = splits.length;
    this.#all = fetchAll(work, splits, (index, file) => {
      this.#files[index] = file;
      this.#wake();
    });
    this.#all.catch((error: unknown) => {
      this.failure = error;
      this.#wake();
    });
  }

  /** Every file, in the order of the splits. Throws the first failure when all transfers have ended. */
  all(): Promise<LocalFile[]> {
    return this.#all;
  }

  /** All files from the first one on, in the order of the splits, some at a time: those that have come while the ones before were read. */
  async *groups(): AsyncGenerator<LocalFile[]> {
    let given = 0;
    while (given < this.count) {
      const ready = this.#following(given);
      const whole = given + ready.length === this.count;
      const bytes = ready.reduce((sum, file) => sum + file.size, 0);
      if (ready.length > 0 && (whole || bytes >= GROUP.bytes)) {
        given += ready.length;
        yield ready;
      } else if (this.failure !== undefined) await this.#all;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  #following(from: number): LocalFile[] {
    const ready: LocalFile[] = [];
    for (let file = this.#files[from]; file; file = this.#files[from + ready.length]) ready.push(file);
    return ready;
  }
}
