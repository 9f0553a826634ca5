import type { LocalFile, Split } from '../model/component.ts';
import { sampleOf } from './splits.ts';
import { type Fetching, fetchAll } from './spool.ts';

/** Files are handed over when so many bytes of them are there: each query costs some milliseconds whatever it reads. Tests make it small. */
export const GROUP = { bytes: 64_000_000 };

/**
 * Files of a source elsewhere on their way into the spool, for work that begins with those that are there. Those of the sample were
 * fetched before, so they come first, then the others, each in the order of the splits, whatever comes faster.
 */
export class Arrivals {
  readonly count: number;
  readonly #files: (LocalFile | undefined)[] = [];
  /** Bytes of the files before each one, as far as every file from the first one on is there. */
  readonly #before = [0];
  readonly #all: Promise<LocalFile[]>;
  #failed = false;
  #wake: () => void = () => undefined;

  constructor(work: Fetching, splits: readonly Split[]) {
    this.count = splits.length;
    const first = new Set(sampleOf(splits));
    const order = [...first, ...splits.filter((split) => !first.has(split))];
    this.#all = fetchAll(work, order, (index, file) => {
      this.#files[index] = file;
      this.#advance();
    });
    this.#all.catch(() => {
      this.#failed = true;
      this.#wake();
    });
  }

  /** Every file, in the order of the splits. Throws the first failure when all transfers have ended. */
  async all(): Promise<LocalFile[]> {
    return (await this.#all).toSorted((a, b) => a.ordinal - b.ordinal);
  }

  /** All files, some at a time: those that have come while the ones before were read. */
  async *groups(): AsyncGenerator<LocalFile[]> {
    let given = 0;
    while (given < this.count) {
      const there = this.#before.length - 1;
      const bytes = (this.#before[there] ?? 0) - (this.#before[given] ?? 0);
      if (there === this.count || (there > given && bytes >= GROUP.bytes)) {
        const group = this.#files.slice(given, there) as LocalFile[];
        given = there;
        yield group;
      } else if (this.#failed) await this.#all;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  #advance(): void {
    const from = this.#before.length;
    for (let file = this.#files[from - 1]; file; file = this.#files[this.#before.length - 1])
      this.#before.push((this.#before.at(-1) ?? 0) + file.size);
    if (this.#before.length > from) this.#wake();
  }
}
