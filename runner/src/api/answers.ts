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

interface Turn<T> {
  now: Promise<T>;
  next: Promise<T> | null;
}

/**
 * Work whose result many want at a time. Nobody is given a result that was begun before they asked: whoever asks while it is being made
 * waits for the next one, together with all who ask meanwhile. So many who ask at once cost no more than two, and wait for two at most.
 */
export class Turns<T> {
  readonly #turns = new Map<string, Turn<T>>();

  /** The result for all who ask for this `key`. Throws what `work` throws. */
  get(key: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(key);
    if (!turn) return this.#begin(key, work);
    const begin = () => this.#begin(key, work);
    turn.next ??= turn.now.then(begin, begin);
    return turn.next;
  }

  #begin(key: string, work: () => Promise<T>): Promise<T> {
    const turn: Turn<T> = { now: work(), next: null };
    this.#turns.set(key, turn);
    const end = () => {
      if (turn.next === null) this.#turns.delete(key);
    };
    turn.now.then(end, end);
    return turn.now;
  }
}

/** Results that are kept as well: one that was made before is given again where the version says that nothing has changed since. */
export class Answers<T> {
  readonly #version: () => Promise<string>;
  readonly #kept = new Map<string, Kept<T>>();
  readonly #turns = new Turns<T>();

  /** `version`: differs from before wherever anything may have changed that answers are made of. */
  constructor(version: () => Promise<string>) {
    this.#version = version;
  }

  /** The answer to what `key` asks. Throws what `make`, or the version, throws. */
  get(key: string, make: () => Promise<Made<T>>): Promise<T> {
    return this.#turns.get(key, () => this.#answer(key, make));
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
