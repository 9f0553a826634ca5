import { mkdir, rm } from 'node:fs/promises';
import type { Engine, LocalFile, SourceSession } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { jsonText } from '../model/json-sql.ts';
import { ident } from '../model/sql.ts';
import type { Column } from '../model/type.ts';
import * as registry from '../registry.ts';
import { loadSteps, pick, readerOf } from './components.ts';
import { cage, openEngine } from './duckdb.ts';
import { engineFailure, quiet, raisedMark } from './failures.ts';
import { land } from './land.ts';
import { masksAny, prepareMasks } from './mask.ts';
import { openSource } from './open-source.ts';
import { type ColumnProfile, profileRows } from './profile.ts';
import { makeReady } from './ready.ts';
import { type SampleInput, sampleSource } from './sample.ts';
import type { StreamPlan } from './stream-plan.ts';
import { verifyColumns } from './verify.ts';
import { widenPlan } from './wider.ts';

/** Rows that a profile is made of, at the most. */
const PROFILE_ROWS = 100_000;

export interface PreviewInput extends SampleInput {
  /** Statistics of each column too, over more rows than are shown. */
  profile?: boolean;
  /** Gives the rows as bytes of this format, which has to be one that streams, instead of as values. */
  bytesAs?: string;
}

export interface Preview {
  columns: Column[];
  /** Integers beyond 2^53 and decimals as exact text, nested values as JSON text. */
  rows: (string | number | boolean | null)[][];
  plan: StreamPlan;
  rejected: number;
  /** Rows of the source that the preview read. */
  read: number;
  /** null: not asked for. */
  profile: ColumnProfile[] | null;
  /** The rows in the format that was asked for; null: as `rows`. */
  bytes: Uint8Array | null;
}

/** Takes the first rows of a stream through columns, transforms and checks; nothing is written anywhere else. */
export async function previewStream(input: PreviewInput): Promise<Preview> {
  const { projectDir, signal, log } = input;
  const session = await openSource(input.stream, { projectDir, signal, log });
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
  const { stream, files, plan: first } = await sampleSource(input, session, lenient);
  let plan = first;
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
  const limit = Math.max(input.profile ? PROFILE_ROWS : 1000, input.rows * 10);
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
    ordered: plan.numbered,
  });
  const { columns, sql } = ready.rows;
  const few = `SELECT * FROM (${sql}) LIMIT ${input.rows}`;
  const bytes = input.bytesAs === undefined ? null : await streamed(engine, few, columns, input.bytesAs);
  const found = bytes ? [] : await engine.rows(shownSql(few, columns));
  const rows = found.map((row) => columns.map((c) => cell(row[c.name])));
  const profile = input.profile ? await profileRows(engine, sql, columns) : null;
  return { columns, rows, plan, rejected: ready.counts.rows_rejected, read: landed.rows_read, profile, bytes };
}

async function streamed(engine: Engine, sql: string, columns: readonly Column[], format: string): Promise<Uint8Array> {
  const { stream } = await pick(registry.writers, 'format', format);
  if (!stream) throw new SluiceError('component/unknown', 'config', `Rows cannot be streamed as ${format}.`);
  const pieces: Uint8Array[] = [];
  for await (const piece of stream(engine, sql, columns)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** What is in lists and structs is shown with its own digits: as values of JavaScript whole numbers would be texts. */
function shownSql(sql: string, columns: readonly Column[]): string {
  const isNested = ({ type: { kind } }: Column) => kind === 'list' || kind === 'struct';
  const shown = columns.map((c) =>
    isNested(c) ? `${jsonText(ident(c.name), c.type)} AS ${ident(c.name)}` : ident(c.name),
  );
  return `SELECT ${shown.join(', ')} FROM (${sql})`;
}

/** A JSON value as a cell of a table. */
export function cell(value: unknown): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value);
}
