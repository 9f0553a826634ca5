import { mkdir, rm } from 'node:fs/promises';
import type { LocalFile, SourceSession, TaskLog } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import type { RunWindow } from '../model/run.ts';
import type { Column } from '../model/type.ts';
import * as registry from '../registry.ts';
import { splitsOf } from './archives.ts';
import { loadSteps, pick, readerOf } from './components.ts';
import { cage, openEngine } from './duckdb.ts';
import { engineFailure, quiet, raisedMark } from './failures.ts';
import { land } from './land.ts';
import { masksAny, prepareMasks } from './mask.ts';
import { prepare, prepareColumns, widenPlan } from './prepare.ts';
import { wantedRange } from './range.ts';
import { makeReady } from './ready.ts';
import { keyed } from './source-key.ts';
import { newSplits, sampleOf } from './splits.ts';
import { fetchAll } from './spool.ts';
import type { StreamPlan } from './stream-plan.ts';
import { verifyColumns } from './verify.ts';

export interface PreviewInput {
  stream: Stream;
  projectDir: string;
  /** Folder for this preview's files; removed afterwards. */
  spool: string;
  rows: number;
  /** Of a windowed stream: the window to look at. */
  window?: RunWindow | null;
  memory: number;
  threads: number;
  signal: AbortSignal;
  log: TaskLog;
}

export interface Preview {
  columns: Column[];
  /** Integers beyond 2^53 and decimals as exact text, nested values as JSON text. */
  rows: (string | number | boolean | null)[][];
  plan: StreamPlan;
  rejected: number;
  /** Rows of the source that the preview read. */
  read: number;
}

/** Takes the first rows of a stream through columns, transforms and checks; nothing is written anywhere else. */
export async function previewStream(input: PreviewInput): Promise<Preview> {
  const source = await pick(registry.sources, 'source', input.stream.source.type);
  const { projectDir, signal, log } = input;
  const session = await source.connect({ settings: input.stream.source.settings, projectDir, signal, log });
  await mkdir(input.spool, { recursive: true });
  try {
    return await previewFiles(input, session);
  } catch (error) {
    throw engineFailure(error, { stream: input.stream.name }, masksAny(input.stream));
  } finally {
    await session.close();
    await rm(input.spool, { recursive: true, force: true });
  }
}

async function previewFiles(input: PreviewInput, session: SourceSession): Promise<Preview> {
  const source = (await session.describe?.()) ?? null;
  const stream = lenient(source ? keyed(input.stream, source) : input.stream);
  const { spool, rows, window = null } = input;
  const { settings } = stream.source;
  const incremental: Stream['incremental'] = window ? stream.incremental : { type: 'none' };
  const known = new Map();
  const range = await wantedRange(stream, source, { checkpoint: null, window, spool });
  const request = { checkpoint: null, known, incremental, spool, rows, ...(window ? range : {}) };
  const splits = await newSplits(splitsOf({ session, settings }, request), known, {
    ...stream,
    incremental,
  });
  if (splits.length === 0) {
    throw new SluiceError('source/no-data', 'data', 'The source holds nothing to preview', {
      hint: 'Check the `path` of the source and the folder that it starts from.',
    });
  }
  const sniffer = await openEngine({ spool: input.spool, threads: input.threads, memory: input.memory });
  let files: LocalFile[];
  let plan: StreamPlan;
  try {
    const work = { session, settings, folder: input.spool, signal: input.signal, engine: sniffer };
    files = await fetchAll(work, sampleOf(splits));
    const table = null;
    plan = source
      ? await prepareColumns(sniffer, { stream, source, table })
      : await prepare(sniffer, { stream, files, table });
  } finally {
    sniffer.close();
  }
  for (;;) {
    const engine = await openEngine({ spool: input.spool, threads: input.threads, memory: input.memory });
    const reader = await readerOf(plan.format);
    try {
      await prepareMasks(engine, stream);
      await cage(engine, { files: files.map((f) => f.path), folders: [] });
      return await previewRows(engine, input, stream, plan, files);
    } catch (error) {
      if (raisedMark(error)?.kind !== 'widen') {
        const found = await reader.explain(error as Error, files, plan.sniffed);
        throw found instanceof SluiceError ? quiet(found, masksAny(stream)) : (found ?? error);
      }
      plan = await widenPlan(engine, stream, plan, await verifyColumns(engine, stream, plan, reader, files), null);
    } finally {
      engine.close();
    }
  }
}

/** A preview shows what a run would stop at, instead of stopping. */
function lenient(stream: Stream): Stream {
  return {
    ...stream,
    on_bad_row: stream.on_bad_row === 'fail' ? 'warn' : stream.on_bad_row,
    checks: stream.checks.map((c) => (c.on_failure === 'fail' ? { ...c, on_failure: 'warn' as const } : c)),
    limits: { max_rejected: null },
  };
}

async function previewRows(
  engine: Awaited<ReturnType<typeof openEngine>>,
  input: PreviewInput,
  stream: Stream,
  plan: StreamPlan,
  files: LocalFile[],
): Promise<Preview> {
  const { steps, checks } = await loadSteps(stream, engine);
  const reader = await readerOf(plan.format);
  const { window = null } = input;
  const facts = {
    runId: '00000000-0000-0000-0000-000000000000',
    loadedAt: new Date().toISOString(),
    windowStart: window?.from ?? null,
  };
  const limit = Math.max(1000, input.rows * 10);
  const landed = await land(engine, { stream, plan, reader, files, facts, name: 'preview', limit });
  const ready = await makeReady(engine, {
    stream,
    plan,
    steps,
    checks,
    landed,
    files,
    checkpoint: null,
    window,
    loadedAt: facts.loadedAt,
    log: input.log,
  });
  const found = await engine.rows(`SELECT * FROM (${ready.rows.sql}) LIMIT ${input.rows}`);
  const rows = found.map((row) => ready.rows.columns.map((c) => cell(row[c.name])));
  return { columns: ready.rows.columns, rows, plan, rejected: ready.counts.rows_rejected, read: landed.rows_read };
}

function cell(value: unknown): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value);
}
