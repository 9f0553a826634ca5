import { mkdir, rm } from 'node:fs/promises';
import type { Split } from '../model/component.ts';
import type { Stream } from '../model/job.ts';
import type { Checkpoint, FileIdentity } from '../model/run.ts';
import type { Column } from '../model/type.ts';
import { transforms } from '../specs.ts';
import { splitsOf } from './archives.ts';
import { decideContract } from './contract.ts';
import { openEngine } from './duckdb.ts';
import { engineFailure } from './failures.ts';
import { masksAny } from './mask.ts';
import { openSource } from './open-source.ts';
import { prepare, prepareColumns } from './prepare.ts';
import type { SampleInput } from './sample.ts';
import { keyed } from './source-key.ts';
import { newSplits, sampleOf, totalBytes } from './splits.ts';
import { fetchAll } from './spool.ts';
import type { StreamPlan } from './stream-plan.ts';

export interface ForeseeInput extends SampleInput {
  /** The destination's table as it stands. */
  table: Column[] | null;
  /** What the next run starts from; null: a full load. */
  checkpoint: Checkpoint | null;
  ledger: ReadonlyMap<string, FileIdentity>;
}

/** What the next run of a stream would find and do. */
export interface Foreseen {
  /** Columns of the rows, and what the contract makes of them; null: the source holds nothing, or no small sample. */
  rows: Pick<StreamPlan, 'output' | 'addColumns' | 'alterColumns'> | null;
  /** Files that were listed, those of them that would be read, how many of these again, and their bytes (null: unknown). */
  files: { listed: number; next: number; again: number; bytes: number | null } | null;
}

/** A sample that is larger is not fetched for a look. */
const MOST_BYTES = 64_000_000;

/**
 * Lists a stream's source and reads its sample as the next run would, against the table that is there. Nothing is written but the
 * spool, which goes again. Throws what the run would stop at before its first row, such as `schema/frozen`.
 */
export async function foreseeStream(input: ForeseeInput): Promise<Foreseen> {
  const { stream: written, projectDir, signal, log, spool, table } = input;
  const session = await openSource(written, { projectDir, signal, log });
  await mkdir(spool, { recursive: true });
  const engine = await openEngine({ spool, threads: input.threads, memory: input.memory });
  try {
    const source = (await session.describe?.()) ?? null;
    const stream = source ? keyed(written, source) : written;
    if (source) return { rows: await prepareColumns(engine, { stream, source, table }), files: null };
    const { listed, next } = await list(input, session);
    const sample = sampleOf(next.length > 0 ? next : listed);
    const { settings } = stream.source;
    const small = sample.length > 0 && (totalBytes(sample) ?? Number.POSITIVE_INFINITY) <= MOST_BYTES;
    const fetched = small ? await fetchAll({ session, settings, folder: spool, signal, engine }, sample) : null;
    const rows = fetched && (await prepare(engine, { stream, files: fetched, table }));
    return { rows, files: filesOf(stream, listed, next, input.ledger) };
  } catch (error) {
    throw engineFailure(error, { stream: written.name }, masksAny(written));
  } finally {
    engine.close();
    await session.close();
    await rm(spool, { recursive: true, force: true });
  }
}

async function list(
  input: ForeseeInput,
  session: Awaited<ReturnType<typeof openSource>>,
): Promise<{ listed: Split[]; next: Split[] }> {
  const { stream, checkpoint, spool, rows, ledger } = input;
  const listed: Split[] = [];
  const request = { checkpoint, known: ledger, incremental: stream.incremental, spool, rows };
  const all = async function* () {
    for await (const split of splitsOf({ session, settings: stream.source.settings }, request)) {
      listed.push(split);
      yield split;
    }
  };
  return { next: await newSplits(all(), ledger, stream), listed };
}

/** Of a window only a part of the files is looked at: their number says nothing. */
function filesOf(
  { incremental }: Stream,
  listed: readonly Split[],
  next: readonly Split[],
  ledger: ReadonlyMap<string, FileIdentity>,
): Foreseen['files'] {
  if (incremental.type === 'window' || listed.some(({ file }) => file === null)) return null;
  const again = next.filter(({ file }) => file && ledger.has(file.path)).length;
  return { listed: listed.length, next: next.length, again, bytes: totalBytes(next) };
}

/**
 * What the contract makes of the columns whose types the job declares, where the source is not looked at; null: a step keeps or drops
 * columns, so that they may not arrive. Throws `schema/frozen`.
 */
export function declaredRows(stream: Stream, table: readonly Column[] | null): Foreseen['rows'] {
  const keeps = stream.transform.every(({ type }) => {
    const { columns, scope } = transforms[type]?.capabilities ?? {};
    return scope !== 'sql' && (columns === undefined || columns === 'add');
  });
  const output = stream.columns.flatMap(({ name, type, mask }) => (type && mask === null ? [{ name, type }] : []));
  if (!keeps || output.length === 0) return null;
  return { output, ...decideContract(output, table, stream) };
}
