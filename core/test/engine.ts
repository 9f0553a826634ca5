import { mkdir, mkdtemp, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  check,
  compile,
  createProject,
  type Job,
  type Json,
  parseDocument,
  type ReferenceValues,
  resolveReferences,
} from '../src/index.ts';
import type { DestinationSession } from '../src/model/component.ts';
import type { JsonObject } from '../src/model/json.ts';
import { type Checkpoint, type Counts, zeroCounts } from '../src/model/run.ts';
import { type EpochPorts, registry, runStream, runTask, SluiceError, type StreamOutcome } from '../src/runtime.ts';
import { sources } from '../src/specs.ts';

export interface EngineRun {
  outcome: StreamOutcome | null;
  counts: Counts;
  checkpoint: Checkpoint | null;
  error: SluiceError | null;
  logs: { level: string; message: string }[];
}

export interface EngineOptions {
  fullRefresh?: boolean;
  /** From, to; `again`: also where it is finished. */
  window?: { from: string; to: string; again?: boolean };
  backfill?: boolean;
  runId?: string;
  /** Bytes; the job's own `compute.memory` where left out. */
  memory?: number;
  cores?: number;
}

/**
 * A project in a temporary folder whose jobs run in this process: the epoch, its tasks and a real destination, but no executor,
 * no threads and no state store.
 */
export class EngineProject {
  readonly dir: string;
  readonly env: Record<string, string>;
  /** Text of sluice.yaml; none where left out. */
  config: string | null = null;
  #clock = Date.parse('2026-01-01T00:00:00Z');
  #runs = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dir: string, env: Record<string, string>) {
    this.dir = dir;
    this.env = env;
  }

  /** Writes a file; each one written is a second younger than the one before, whatever the machine's clock says. */
  async file(name: string, content: string | Buffer): Promise<void> {
    const path = join(this.dir, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    this.#clock += 1000;
    await utimes(path, this.#clock / 1000, this.#clock / 1000);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.dir, name), { recursive: true, force: true });
  }

  compile(yaml: string): Job {
    const document = parseDocument(yaml, 'job.yaml');
    const project = createProject({
      config: this.config === null ? null : parseDocument(this.config, 'sluice.yaml'),
      jobs: [document],
    });
    const { job, diagnostics } = compile(document, project);
    const errors = [...check(document, project), ...diagnostics].filter((d) => d.severity === 'error');
    if (errors.length > 0) throw new Error(errors.map((d) => `${d.code}: ${d.message}`).join('\n'));
    if (!job) throw new Error('the job did not compile');
    return job;
  }

  /** Runs the job's first stream, or the named one. Its error is part of the answer. */
  async run(yaml: string, options: EngineOptions = {}, name?: string): Promise<EngineRun> {
    const job = this.compile(yaml);
    const symbols = job.streams.find((s) => name === undefined || s.name === name);
    if (!symbols) throw new Error(`no stream ${name}`);
    const window = options.window ? { again: false, ...options.window } : null;
    const values: ReferenceValues = { env: this.env, file: () => null, stream: symbols.name };
    if (window && symbols.incremental.type === 'window') {
      const zone = symbols.incremental.timezone;
      values.window = { start: Date.parse(window.from), end: Date.parse(window.to), zone };
    }
    const stream = resolveReferences(symbols as unknown as Json, values).value as unknown as typeof symbols;
    const runId = options.runId ?? `run-${++this.#runs}`;
    const spool = join(this.dir, '.sluice', 'spool', runId);
    await mkdir(spool, { recursive: true });
    const logs: EngineRun['logs'] = [];
    const signal = new AbortController().signal;
    try {
      const outcome = await runStream(
        {
          key: { project: 'p', target: 'default', job: job.name, stream: stream.name },
          runId,
          loadedAt: '2026-01-02T03:04:05.678Z',
          projectDir: this.dir,
          stream,
          spool,
          memory: options.memory ?? job.compute.memory,
          addresses: addresses(symbols),
          renamedFrom: job.renamed_from,
          fullRefresh: options.fullRefresh ?? false,
          window,
          backfill: options.backfill ?? false,
          attempt: 1,
          workers: job.compute.workers,
          cores: options.cores ?? 2,
          deadRuns: [],
          signal,
        },
        this.#ports(logs, signal),
      );
      return { outcome, counts: outcome.counts, checkpoint: outcome.checkpoint, error: null, logs };
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return { outcome: null, counts: zeroCounts(), checkpoint: null, error, logs };
    } finally {
      await rm(spool, { recursive: true, force: true });
    }
  }

  /** As `run`, for jobs that must succeed. */
  async ok(yaml: string, options: EngineOptions = {}, name?: string): Promise<EngineRun> {
    const result = await this.run(yaml, options, name);
    if (result.error) throw result.error;
    const { rows_read, rows_added, rows_written, rows_rejected, rows_filtered } = result.counts;
    if (rows_read + rows_added !== rows_written + rows_rejected + rows_filtered) {
      throw new Error(`the counts do not add up: ${JSON.stringify(result.counts)}`);
    }
    return result;
  }

  #ports(logs: EngineRun['logs'], signal: AbortSignal): EpochPorts {
    const log: EpochPorts['log'] = (level, message) => {
      logs.push({ level, message });
    };
    return {
      runTask: (input, progress) => runTask(input, { signal, log, progress }),
      withLock: (name, work) => {
        if (name === null) return work();
        const turn = this.#turn.then(work);
        this.#turn = turn.catch(() => undefined);
        return turn;
      },
      recordTasks: async () => {},
      recordIntent: async () => {},
      recordToken: async () => {},
      committing: async () => {},
      settled: async () => {},
      finished: async () => {},
      phase: () => {},
      progress: () => {},
      log,
    };
  }

  /** Rows of a query on the job's destination, each as the texts of its values. */
  async rows(yaml: string, sql: string): Promise<(string | null)[][]> {
    const { rows } = await this.table(yaml, sql);
    return rows.map((row) => row.map((value) => (value === null ? null : String(value))));
  }

  /** Columns and rows of a query on the job's destination. */
  async table(yaml: string, sql: string): ReturnType<DestinationSession['query']> {
    const job = this.compile(yaml);
    const [stream] = job.streams;
    const entry = registry.destinations[stream?.destination.type ?? ''];
    if (!stream || !entry) throw new Error('no such destination');
    const destination = await entry.load();
    const values = { env: this.env, file: () => null, stream: stream.name };
    const settings = resolveReferences(stream.destination.settings, values).value as JsonObject;
    const session = await destination.connect({
      key: { project: 'p', target: 'default', job: job.name, stream: stream.name },
      use: { ...stream.destination, settings },
      projectDir: this.dir,
      runId: 'look',
      signal: new AbortController().signal,
      log: () => {},
    });
    try {
      return await session.query(sql);
    } finally {
      await session.close();
    }
  }

  async close(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** What the runner hashes, as plain text: settings that say where, not what. */
function addresses({ source, incremental, destination }: Job['streams'][number]) {
  const named = sources[source.type]?.address ?? null;
  const isPlace = (key: string) => (named ? named.includes(key) : key !== 'path' && key !== 'after_load');
  const where = Object.entries(source.settings).filter(([key]) => isPlace(key));
  const rule = 'column' in incremental ? incremental.column : null;
  return {
    source: JSON.stringify([source.type, where]),
    incremental: JSON.stringify([incremental.type, rule]),
    destination: JSON.stringify([destination.type, destination.settings, destination.schema, destination.table]),
  };
}

/** Makes a project; close it in `afterAll`. */
export async function engineProject(env: Record<string, string> = {}): Promise<EngineProject> {
  return new EngineProject(await realpath(await mkdtemp(join(tmpdir(), 'sluice-engine-'))), env);
}
