import type { LocalFile, SourceSession, Split, TaskLog } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import type { RunWindow } from '../model/run.ts';
import { splitsOf } from './archives.ts';
import { type OwnedEngine, openEngine } from './duckdb.ts';
import { glance } from './glance.ts';
import { prepare, prepareColumns } from './prepare.ts';
import { wantedRange } from './range.ts';
import { keyed } from './source-key.ts';
import { newSplits, sampleOf } from './splits.ts';
import { fetchAll } from './spool.ts';
import type { StreamPlan } from './stream-plan.ts';

/** What a look at a stream's source is told, whatever it is for. */
export interface SampleInput {
  stream: Stream;
  projectDir: string;
  /** Folder for the files of this look; removed afterwards. */
  spool: string;
  /** Rows that are wanted of a source that is asked for rows. */
  rows: number;
  /** Of a windowed stream: the window to look at. */
  window?: RunWindow | null;
  memory: number;
  threads: number;
  /** Reads only what `glance` does, for a look that costs little. */
  glance?: boolean;
  signal: AbortSignal;
  log: TaskLog;
}

export interface Sampled {
  /** With what the source itself says of its key. */
  stream: Stream;
  /** Files of the sample, readable now. */
  files: LocalFile[];
  splits: Split[];
  plan: StreamPlan;
  /** Only what a file says of its own columns was read, and no row. */
  schemaOnly: boolean;
}

/** Reads the sample that a run would read before its first task. `look` sees it while its engine is open. Throws `source/no-data`. */
export async function sampleSource(
  input: SampleInput,
  session: SourceSession,
  adapt: (stream: Stream) => Stream,
  look: (engine: OwnedEngine, sampled: Sampled) => Promise<void> = async () => undefined,
): Promise<Sampled> {
  const source = (await session.describe?.()) ?? null;
  const stream = adapt(source ? keyed(input.stream, source) : input.stream);
  const { spool, rows, window = null } = input;
  const { settings } = stream.source;
  const incremental: Stream['incremental'] = window ? stream.incremental : { type: 'none' };
  const known = new Map();
  const range = await wantedRange(stream, source, { checkpoint: null, window, spool });
  const request = { checkpoint: null, known, incremental, spool, rows, ...(window ? range : {}) };
  // A source of columns has told them already, without a row.
  const isTold = input.glance === true && source !== null;
  const splits = isTold
    ? []
    : await newSplits(splitsOf({ session, settings }, request), known, { ...stream, incremental });
  if (splits.length === 0 && !isTold) {
    throw new SluiceError('source/no-data', 'data', 'The source holds nothing to look at', {
      hint: 'Check the `path` of the source and the folder that it starts from.',
    });
  }
  const engine = await openEngine({ spool, threads: input.threads, memory: input.memory });
  try {
    const work = { session, settings, folder: spool, signal: input.signal, engine };
    const { files, schemaOnly } = input.glance
      ? await glance(work, splits, stream)
      : { files: await fetchAll(work, sampleOf(splits)), schemaOnly: false };
    const table = null;
    const plan = source
      ? await prepareColumns(engine, { stream, source, table })
      : await prepare(engine, { stream, files, table });
    const sampled = { stream, files, splits, plan, schemaOnly };
    await look(engine, sampled);
    return sampled;
  } finally {
    engine.close();
  }
}
