import { randomUUID } from 'node:crypto';
import type { Action, Snapshot, Txn } from '../../delta/actions.ts';
import { SluiceError } from '../../model/error.ts';
import type { WritableFolder } from '../../model/folder.ts';
import type { StreamKey } from '../../model/run.ts';
import { Ledger, type Shelf } from '../shared/files/ledger.ts';
import { type FileState, NO_COMMIT } from '../shared/files/state.ts';
import { streamHash } from '../shared/names.ts';
import type { AsideFile } from './aside.ts';
import { HOME } from './staging.ts';

/** What is known of a stream between two commits. */
export interface Stored extends FileState {
  /** Files with the rows set aside, oldest first. */
  quarantine: AsideFile[];
}

/**
 * State and fence of one stream beside the table. The log decides which state counts: each commit names its number and its
 * holder's fence in two `txn` actions, and those two name the state's file, which was written before. So state, ledger and rows
 * become one by the single file that a commit adds to the log.
 */
export class StreamState {
  readonly ledger: Ledger;
  readonly key: StreamKey;
  readonly #folder: WritableFolder;
  readonly #home: string;
  /** Number of the last commit that was read: what belongs to later ones may be another run's, and stays. */
  #seq = 0;

  constructor(folder: WritableFolder, key: StreamKey) {
    this.key = key;
    this.#folder = folder;
    this.#home = `${HOME}/streams/${streamHash(key)}`;
    this.ledger = new Ledger(this.#shelf());
  }

  /** Takes the next fence above `least`; no one else gets it. Older ones can no longer be told apart from none. */
  async mint(least: number, runId: string): Promise<number> {
    for (let above = least; ; ) {
      const fence = Math.max(above, await this.newest()) + 1;
      const bytes = Buffer.from(JSON.stringify({ run: runId, mark: randomUUID() }));
      if (!(await this.#folder.create(this.#fence(fence), bytes))) continue;
      // A number may have been free because it was taken and removed since the folder was read.
      const names = await this.#fences();
      const newest = Math.max(...names);
      if (newest === fence) {
        for (const older of names) if (older < fence) await this.#folder.remove(this.#fence(older));
        return fence;
      }
      await this.#folder.remove(this.#fence(fence));
      above = newest;
    }
  }

  /** The newest fence; 0: none was taken. */
  async newest(): Promise<number> {
    return Math.max(0, ...(await this.#fences()));
  }

  async #fences(): Promise<number[]> {
    return (await this.#folder.list(`${this.#home}/fence`)).map(({ name }) => Number(name));
  }

  #fence(fence: number): string {
    return `${this.#home}/fence/${String(fence).padStart(16, '0')}`;
  }

  /** The state of the last commit that the table has. Throws `destination/state-lost` where its file is gone. */
  async read(table: Snapshot | null): Promise<Stored> {
    const seq = table?.txns.get(appOf(this.key)) ?? 0;
    this.#seq = seq;
    if (seq === 0) return { ...NO_COMMIT, key: this.key, quarantine: [] };
    const path = this.#stateFile(seq, table?.txns.get(fenceOf(this.key)) ?? 0);
    const bytes = await this.#folder.read(path);
    if (bytes === null) throw stateLost(this.#folder.name, path);
    return JSON.parse(bytes.toString('utf8')) as Stored;
  }

  /** Writes what a commit will make the state; `marks` are the actions that make it count. */
  async prepare(state: Stored, fence: number): Promise<void> {
    await this.#folder.write(this.#stateFile(state.seq, fence), Buffer.from(JSON.stringify(state)));
  }

  marks(seq: number, fence: number): Action[] {
    const txn = (appId: string, version: number): { txn: Txn } => ({
      txn: { appId, version, lastUpdated: Date.now() },
    });
    return [txn(appOf(this.key), seq), txn(fenceOf(this.key), fence)];
  }

  /** Removes states and segments of commits before the last one that was read. */
  async tidy(state: Stored): Promise<void> {
    for (const { name } of await this.#folder.list(`${this.#home}/state`))
      if (Number.parseInt(name, 10) < state.seq) await this.#folder.remove(`${this.#home}/state/${name}`);
    await this.ledger.keep(state.ledger);
  }

  async remove(): Promise<void> {
    await this.#folder.removeAll(this.#home);
  }

  segment(seq: number, fence: number): string {
    return `${seq}.${fence}.ndjson`;
  }

  #stateFile(seq: number, fence: number): string {
    return `${this.#home}/state/${seq}.${fence}.json`;
  }

  #shelf(): Shelf {
    const at = (segment: string) => `${this.#home}/ledger/${segment}`;
    const folder = this.#folder;
    return {
      async *lines(segment) {
        const bytes = await folder.read(at(segment));
        if (bytes === null) throw stateLost(folder.name, at(segment));
        yield* bytes.toString('utf8').split('\n');
      },
      write: (segment, chunks) => folder.write(at(segment), Buffer.from([...chunks].join(''))),
      names: async () => {
        const found = await folder.list(`${this.#home}/ledger`);
        return found.map(({ name }) => name).filter((name) => Number.parseInt(name, 10) <= this.#seq);
      },
      remove: (segment) => folder.remove(at(segment)),
    };
  }
}

/** The application that a stream is in the log, whose version is the number of its commits. */
export function appOf(key: StreamKey): string {
  return `sluice/${idOf(key)}`;
}

function fenceOf(key: StreamKey): string {
  return `sluice-fence/${idOf(key)}`;
}

function idOf({ project, target, job, stream }: StreamKey): string {
  return [project, target, job, stream].map(encodeURIComponent).join('/');
}

function stateLost(table: string, path: string): SluiceError {
  return new SluiceError(
    'destination/state-lost',
    'terminal',
    `${path} of ${table} is gone, which holds what was loaded before`,
    { hint: `Restore the folder ${HOME} of the table, or load into another path.` },
  );
}
