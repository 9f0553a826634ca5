import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../model/error.ts';
import type { Column } from '../../model/type.ts';
import { Ledger, type Shelf } from '../shared/files/ledger.ts';
import { COMMIT_FILE } from '../shared/files/names.ts';
import { type FileState, NO_COMMIT } from '../shared/files/state.ts';
import type { ObjectStore, Upload } from '../shared/s3/store.ts';

/** A commit that is decided and whose uploads may not all be objects yet. */
export interface Pending {
  runId: string;
  /** Key of its folder. */
  folder: string;
  uploads: Upload[];
  columns: Column[];
  before: FileState;
}

/** What the stream's state object holds. */
export interface Stored {
  fence: number;
  state: FileState;
  pending: Pending | null;
}

/** Times that a change of the state is tried anew because another writer came between. */
const TRIES = 20;

/**
 * The state of one stream as one object, which is written only over the version that was read: the fence is a number in it.
 * A commit is one such write; it names the uploads that from then on become objects, by whoever reads it next.
 */
export class StreamState {
  readonly ledger: Ledger;
  readonly #store: ObjectStore;
  readonly #key: string;

  /** `folder`: the stream's own, in keys. */
  constructor(store: ObjectStore, folder: string) {
    this.#store = store;
    this.#key = `${folder}/state`;
    this.ledger = new Ledger(shelf(store, `${folder}/ledger/`));
  }

  async read(): Promise<{ stored: Stored; etag: string } | null> {
    const found = await this.#store.get(this.#key);
    if (found === null) return null;
    const { nonce: _, ...stored } = JSON.parse(found.bytes.toString('utf8')) as Stored & { nonce: string };
    return { stored, etag: found.etag };
  }

  /** Writes over the version that has the tag, or where there is none: null. false: another one came first. */
  async write(stored: Stored, etag: string | null): Promise<boolean> {
    const text = JSON.stringify({ nonce: randomUUID(), ...stored });
    return (await this.#store.put(this.#key, text, etag === null ? { absent: true } : { etag })) !== null;
  }

  /** Changes the state; `change` may be called several times, each time with what stands there then. */
  async update(change: (stored: Stored | null) => Stored | Promise<Stored>): Promise<Stored> {
    for (let attempt = 1; ; attempt++) {
      const found = await this.read();
      const next = await change(found?.stored ?? null);
      if (await this.write(next, found?.etag ?? null)) {
        if (found === null) await this.#requireConditions();
        return next;
      }
      if (attempt >= TRIES)
        throw new SluiceError('destination/busy', 'transient', 'The state of this stream changes all the time', {
          where: { path: this.#key },
          hint: 'Look which other runs write it, and run again.',
        });
    }
  }

  /** Finishes a commit that was decided. Returns the state, which is the one before where its uploads are gone. */
  async settle(stored: Stored): Promise<Stored> {
    const { pending, state } = stored;
    if (pending === null) return stored;
    if (await this.publish(state, pending)) return { ...stored, pending: null };
    return { ...stored, state: pending.before, pending: null };
  }

  /** Makes the uploads of a decided commit objects. May be repeated by anyone; false where they are gone. */
  async publish(state: FileState, { folder, uploads, columns }: Pending): Promise<boolean> {
    for (const upload of uploads)
      if (!(await this.#store.complete(upload))) {
        for (const { key } of uploads) await this.#store.remove(key);
        return false;
      }
    const { key, seq, commitId, checkpoint, counts, format } = state;
    const files = uploads.map((upload) => ({ path: upload.key.slice(folder.length + 1), size: upload.size }));
    const text = JSON.stringify({ commit_id: commitId, seq, stream: key, format, columns, counts, checkpoint, files });
    await this.#store.put(`${folder}/${COMMIT_FILE}`, text);
    return true;
  }

  async remove(): Promise<void> {
    await this.ledger.keep([]);
    await this.#store.remove(this.#key);
  }

  /** A store that writes over an object whatever the condition says would let two runs commit. */
  async #requireConditions(): Promise<void> {
    const probe = `${this.#key}-probe-${randomUUID()}`;
    await this.#store.put(probe, 'first');
    const absent = await this.#store.put(probe, 'second', { absent: true });
    const other = await this.#store.put(probe, 'third', { etag: '0'.repeat(32) });
    await this.#store.remove(probe);
    if (absent === null && other === null) return;
    await this.#store.remove(this.#key);
    throw new SluiceError(
      'destination/no-conditions',
      'config',
      `The store of bucket ${this.#store.bucket} does not heed the conditions If-None-Match and If-Match on writes`,
      { hint: 'Without them two runs could commit over each other: use a newer version of the store, or another one.' },
    );
  }
}

export function noCommit(key: FileState['key']): Stored {
  return { fence: 0, state: { ...NO_COMMIT, key }, pending: null };
}

/** Segments of a ledger as objects below a prefix. */
function shelf(store: ObjectStore, prefix: string): Shelf {
  return {
    async *lines(segment) {
      const found = await store.get(`${prefix}${segment}`);
      if (found === null)
        throw new SluiceError(
          'destination/state-lost',
          'terminal',
          `A part of the ledger is gone: ${prefix}${segment}`,
          {
            hint: 'Put the object back from a version or a copy, or load everything anew.',
          },
        );
      yield* found.bytes.toString('utf8').split('\n');
    },
    async write(segment, chunks) {
      await store.put(`${prefix}${segment}`, [...chunks].join(''));
    },
    async names() {
      const names: string[] = [];
      for await (const { key } of store.list(prefix)) names.push(key.slice(prefix.length));
      return names;
    },
    remove: (segment) => store.remove(`${prefix}${segment}`),
  };
}
