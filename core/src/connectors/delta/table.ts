import type { Snapshot } from '../../delta/actions.ts';
import { type Action, LOG, logFile, toLines } from '../../delta/actions.ts';
import { type OpenEngine, writeCheckpoint } from '../../delta/checkpoint.ts';
import { requireReadable, requireWritable } from '../../delta/features.ts';
import { readSnapshot } from '../../delta/log.ts';
import { SluiceError } from '../../model/error.ts';
import type { WritableFolder } from '../../model/folder.ts';

/** Commits between two checkpoints, so that a table with a long history is opened by a few files. */
const CHECKPOINT_EVERY = 20;

/** A table that is written to. */
export class DeltaTable {
  readonly folder: WritableFolder;
  readonly #open: OpenEngine;
  #known: Snapshot | null = null;

  constructor(folder: WritableFolder, open: OpenEngine) {
    this.folder = folder;
    this.#open = open;
  }

  /** The table as it stands now; null where there is none. Throws where it uses what is not supported. */
  async refresh(): Promise<Snapshot | null> {
    this.#known = await readSnapshot(this.folder, this.#open, { known: this.#known });
    if (this.#known) {
      requireReadable(this.#known.protocol, this.folder.name);
      requireWritable(this.#known.protocol, this.#known.metadata, this.folder.name);
    }
    return this.#known;
  }

  /** Adds a version behind `after` (-1: the first); false where another writer was faster. */
  async commit(after: number, actions: readonly Action[]): Promise<boolean> {
    const name = `${LOG}/${logFile(after + 1)}`;
    return this.folder.create(name, toLines(actions)).catch((error: unknown) => {
      throw unknownOutcome(error, this.folder.name);
    });
  }

  /** Writes a checkpoint where it is time for one; that it fails changes nothing. */
  async checkpoint(version: number): Promise<void> {
    if (version === 0 || version % CHECKPOINT_EVERY !== 0) return;
    try {
      const table = await this.refresh();
      if (table) await writeCheckpoint(this.folder, table, this.#open);
    } catch {
      // The log itself is whole; the next one comes in a while.
    }
  }
}

function unknownOutcome(error: unknown, table: string): unknown {
  if (!(error instanceof SluiceError) || error.kind !== 'transient') return error;
  return new SluiceError(
    'commit/unknown',
    'transient',
    `Whether the commit to ${table} took place is not known: ${error.message}`,
    {
      cause: error,
      hint: 'The run opens the table again and looks.',
    },
  );
}
