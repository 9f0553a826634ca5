import type { Snapshot } from '../../delta/actions.ts';
import { type Action, LOG, logFile, toLines } from '../../delta/actions.ts';
import { type OpenEngine, writeCheckpoint } from '../../delta/checkpoint.ts';
import { mayCheckpoint, requireReadable, requireWritable } from '../../delta/features.ts';
import { readSnapshot } from '../../delta/log.ts';
import { fieldsOf, holdsMap } from '../../delta/types.ts';
import type { TaskLog } from '../../model/component.ts';
import { messageOf, SluiceError } from '../../model/error.ts';
import type { WritableFolder } from '../../model/folder.ts';

/** Commits between two checkpoints, so that a table with a long history is opened by a few files. */
const CHECKPOINT_EVERY = 20;

/** A table that is written to. */
export class DeltaTable {
  readonly folder: WritableFolder;
  readonly #open: OpenEngine;
  readonly #log: TaskLog;
  #known: Snapshot | null = null;

  constructor(folder: WritableFolder, open: OpenEngine, log: TaskLog) {
    this.folder = folder;
    this.#log = log;
    this.#open = open;
  }

  /** The table as it stands now; null where there is none. Throws where it uses what is not supported. */
  async refresh(): Promise<Snapshot | null> {
    this.#known = await readSnapshot(this.folder, this.#open, { known: this.#known });
    if (this.#known) {
      requireReadable(this.#known.protocol, this.folder.name);
      requireWritable(this.#known.protocol, this.#known.metadata, this.folder.name);
      requireTypes(this.#known, this.folder.name);
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

  /** Writes a checkpoint where it is time for one; that it fails is told and changes nothing. */
  async checkpoint(version: number): Promise<void> {
    if (version === 0 || version % CHECKPOINT_EVERY !== 0) return;
    try {
      const table = await this.refresh();
      if (table?.version === version && mayCheckpoint(table.protocol))
        await writeCheckpoint(this.folder, table, this.#open);
    } catch (error) {
      this.#log('warn', `No checkpoint of ${this.folder.name} was written: ${messageOf(error).split('\n')[0]}`);
    }
  }
}

/** What is read as JSON text could not be written back. */
function requireTypes({ metadata }: Snapshot, table: string): void {
  const map = fieldsOf(metadata).find((field) => holdsMap(field.type));
  if (map)
    throw new SluiceError(
      'destination/delta-type',
      'config',
      `${table} cannot be written: its column ${map.name} is a map`,
      {
        where: { column: map.name },
        hint: 'Write into a table without maps: a json or struct column can take their place.',
      },
    );
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
