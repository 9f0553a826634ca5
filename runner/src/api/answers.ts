/** An answer that is kept, and what it is an answer to. */
interface Kept<T> {
  /** What was so when it was made: it holds as long as that is so. */
  version: string;
  answer: T;
}

/** What making an answer gives. */
export interface Made<T> {
  answer: T;
  /** Whether it stays as it is until the version changes; false where time alone may change it. */
  lasts: boolean;
}

/** The oldest goes where there are more. */
const MOST = 32;

interface Turns<T> {
  now: Promise<T>;
  next: Promise<T> | null;
}

/**
 * Answers that many ask for at a time. Nobody is given one that is older than their question: whoever asks while an answer is being made
 * waits for the next one, together with all who ask meanwhile, and one that was made before is given again only where the version
 * says that nothing has changed since. So an answer costs the more the fewer want it, and many who ask at once wait for two at most.
 */
export class Answers<T> {
  readonly #version: () => Promise<string>;
  readonly #kept = new Map<string, Kept<T>>();
  readonly #turns = new Map<string, Turns<T>>();

  /** `version`: differs from before wherever anything may have changed that answers are made of. */
  constructor(version: () => Promise<string>) {
    this.#version = version;
  }

  /** The answer to what `key` asks. Throws what `make`, or the version, throws. */
  get(key: string, make: () => Promise<Made<T>>): Promise<T> {
    const turns = this.#turns.get(key);
    if (turns) {
      turns.next ??= turns.now.then(
        () => this.#begin(key, make),
        () => this.#begin(key, make),
      );
      return turns.next;
    }
    return this.#begin(key, make);
  }

  #begin(key: string, make: () => Promise<Made<T>>): Promise<T> {
    const turns: Turns<T> = { now: this.#answer(key, make), next: null };
    this.#turns.set(key, turns);
    const end = () => {
      if (turns.next === null) this.#turns.delete(key);
    };
    turns.now.then(end, end);
    return turns.now;
  }

  async #answer(key: string, make: () => Promise<Made<T>>): Promise<T> {
    // Before the answer is made: what changes while it is made changes the version after this.
    const version = await this.#version();
    const before = this.#kept.get(key);
    if (before?.version === version) return before.answer;
    const { answer, lasts } = await make();
    this.#kept.delete(key);
    if (lasts) this.#kept.set(key, { version, answer });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST && oldest !== undefined) this.#kept.delete(oldest);
    return answer;
  }
}
