import type {
  DestinationSession,
  EpochCommit,
  Opened,
  SourceSession,
  SourceTable,
  Split,
  StageToken,
} from '../model/component.ts';
import { messageOf } from '../model/error.ts';
import { faultPoint } from '../model/fault.ts';
import type { Stream } from '../model/job.ts';
import { addCounts, type Checkpoint, type Counts, type FileIdentity, zeroCounts } from '../model/run.ts';
import type { Column } from '../model/type.ts';
import { partOf, sourceSplits, splitsOf } from './archives.ts';
import { commitIdOf, commitOf, EPOCH } from './commit.ts';
import { destinationCounts, enforceLimits, gateRows } from './counts.ts';
import { divided, oneTaskIsAll } from './divide.ts';
import type { Landed } from './land.ts';
import { ListingMeter, Meter } from './meter.ts';
import { idle, noData } from './no-data.ts';
import { openSource } from './open-source.ts';
import type { EpochPorts, StreamOutcome, StreamRun } from './ports.ts';
import { wantedRange } from './range.ts';
import { abortStream, adopt, connectTo, outcomeOf, requireUnchanged, storedCounts } from './recover.ts';
import { Sampler } from './sampler.ts';
import { keyed } from './source-key.ts';
import { affordable, newSplits, taskChunks } from './splits.ts';
import { clearSpool, spoolFolder } from './spool.ts';
import { type StreamPlan, sourceColumns, type WiderColumn } from './stream-plan.ts';
import { allTasks } from './task-round.ts';
import { type Arrived, type TaskCommon, type TaskInput, type TaskOutput, widened } from './task-types.ts';
import { idleReason } from './window.ts';

/** Runs one epoch of one stream by the commit protocol. Throws SluiceErrors; then nothing of the epoch is visible. */
export async function runStream(run: StreamRun, ports: EpochPorts): Promise<StreamOutcome> {
  const { stream, projectDir } = run;
  const stop = new AbortController();
  const onAbort = () => stop.abort(run.signal.reason);
  run.signal.addEventListener('abort', onAbort);
  if (run.signal.aborted) onAbort();
  // Called where the epoch becomes committing: from then on a stop may no longer cut it short.
  const letFinish = () => run.signal.removeEventListener('abort', onAbort);
  const session = await connectTo(run, ports, stop.signal);
  const listing = new ListingMeter(stream.name, ports);
  const { came } = listing;
  const from = await openSource(stream, { projectDir, signal: stop.signal, log: ports.log, came });
  try {
    return await new Epoch(run, ports, session, from, letFinish, listing).run();
  } finally {
    letFinish();
    await from.close();
    await session.close();
    await clearSpool(run.spool, stream);
  }
}

class Epoch {
  #run: StreamRun;
  readonly #ports: EpochPorts;
  readonly #session: DestinationSession;
  readonly #source: SourceSession;
  readonly #letFinish: () => void;
  readonly #listing: ListingMeter;
  readonly #commitId: string;
  #described: SourceTable | null = null;

  constructor(
    run: StreamRun,
    ports: EpochPorts,
    session: DestinationSession,
    source: SourceSession,
    letFinish: () => void,
    listing: ListingMeter,
  ) {
    this.#listing = listing;
    this.#letFinish = letFinish;
    this.#run = run;
    this.#ports = ports;
    this.#session = session;
    this.#source = source;
    this.#commitId = commitIdOf(run);
  }

  get #stream(): Stream {
    return this.#run.stream;
  }

  async run(): Promise<StreamOutcome> {
    const opened = await this.#open();
    if (opened.commitId === this.#commitId) return this.#alreadyCommitted(opened);
    await adopt(opened, this.#run.deadRuns, this.#stream.name, this.#ports);
    await this.#clearDeadRuns();
    const { fullRefresh: full, replays } = this.#run;
    if (replays) requireUnchanged(opened, this.#stream.name);
    if (opened.changed.length > 0 && opened.seq > 0) {
      this.#ports.log('warn', `The ${opened.changed.join(' and ')} of this stream changed: it loads everything anew`, {
        stream: this.#stream.name,
      });
    }
    await this.#describe();
    const fresh = !replays && (full || opened.checkpoint === null);
    const reason = replays
      ? null
      : idleReason(this.#stream, this.#run.window ?? null, fresh ? null : opened.checkpoint);
    if (reason !== null) {
      this.#ports.log('info', reason, { stream: this.#stream.name });
      return idle(opened);
    }
    const splits = await this.#list(opened, fresh);
    if (splits.length === 0) return noData(this.#stream, opened, this.#ports);
    try {
      return await this.#load(opened, splits, fresh);
    } catch (error) {
      await this.#abort();
      throw error;
    }
  }

  async #open(): Promise<Opened> {
    this.#ports.phase(this.#stream.name, 'open');
    await faultPoint('protocol.open.before');
    const opened = await this.#locked(() => this.#session.open(this.#run.addresses, this.#run.renamedFrom));
    await faultPoint('protocol.open.after');
    return opened;
  }

  /** A source that knows its columns tells them once; its key is the stream's where the job names none. */
  async #describe(): Promise<void> {
    this.#described = (await this.#source.describe?.()) ?? null;
    if (this.#described) this.#run = { ...this.#run, stream: keyed(this.#stream, this.#described) };
  }

  #locked<T>(work: () => Promise<T>): Promise<T> {
    return this.#ports.withLock(this.#session.lock, work);
  }

  /** A run that died may have staged rows: they go before this one stages its own. */
  async #clearDeadRuns(): Promise<void> {
    for (const runId of this.#run.deadRuns) await this.#locked(() => this.#session.abort(runId));
    await this.#ports.settled(this.#stream.name, this.#run.deadRuns);
  }

  /** An attempt before this one committed and died before it could say so. */
  async #alreadyCommitted(opened: Opened): Promise<StreamOutcome> {
    const counts = storedCounts(opened.counts);
    const checkpoint = opened.checkpoint ?? {};
    await this.#finish(opened.seq, counts, checkpoint);
    if (this.#source.clears) await this.#list(opened, false);
    return { counts, checkpoint, empty: false };
  }

  async #list(opened: Opened, fresh: boolean): Promise<Split[]> {
    this.#ports.phase(this.#stream.name, 'list');
    if (this.#run.splits) return this.#run.splits;
    await faultPoint('protocol.list.before');
    const usesLedger = this.#stream.incremental.type === 'files' && !fresh;
    const known = usesLedger ? await this.#locked(() => this.#session.ledger()) : new Map<string, FileIdentity>();
    const { incremental } = this.#stream;
    const checkpoint = fresh ? null : opened.checkpoint;
    const spool = spoolFolder(this.#run.spool, this.#stream);
    const source = { session: this.#source, settings: this.#stream.source.settings };
    const { window = null } = this.#run;
    const range = await wantedRange(this.#stream, this.#described, { checkpoint, window, spool: this.#run.spool });
    const request = {
      checkpoint,
      known,
      incremental,
      spool,
      once: true as const,
      parts: this.#run.workers.max,
      ...range,
    };
    const loaded: Split[] = [];
    const keep = this.#source.clears ? (split: Split) => loaded.push(split) : undefined;
    const splits = await newSplits(splitsOf(source, request), known, this.#stream, keep);
    // A run that was stopped between its commit and this left them.
    await this.#source.committed(sourceSplits(loaded).filter((split) => !partOf(splits, split)));
    await faultPoint('protocol.list.after');
    return splits;
  }

  async #load(opened: Opened, splits: Split[], fresh: boolean): Promise<StreamOutcome> {
    const table = this.#run.fullRefresh ? null : opened.table;
    const workers = affordable(this.#run, this.#ports.log);
    const pieces = await divided(splits, this.#source, this.#stream, workers.max);
    const sampler = new Sampler(pieces, this.#stream, this.#ports.log);
    let plan = await this.#prepare(sampler.splits, table);
    const whole = plan.direct && (await oneTaskIsAll(plan.format, pieces, this.#source, this.#stream));
    const chunks = whole ? [pieces] : taskChunks(pieces, workers);
    await this.#ports.recordTasks(this.#stream.name, EPOCH, chunks);
    await faultPoint('protocol.intent.before');
    const { type, connection, schema, table: name } = this.#stream.destination;
    await this.#ports.recordIntent(this.#stream.name, EPOCH, { type, connection, schema, table: name });
    await faultPoint('protocol.intent.after');
    // Each round commits or ends with wider types or a larger sample; both have an end, so the rounds are few.
    for (;;) {
      const position = this.#source.position?.() ?? null;
      const commit = commitOf(this.#run, opened, { splits, plan, fresh, position });
      const outcome = await this.#round(plan, chunks, commit, opened).catch((error: unknown) => sampler.grow(error));
      if (outcome && !('widen' in outcome)) return { ...outcome, columns: sourceColumns(plan) };
      await this.#locked(() => this.#session.abort(this.#run.runId));
      const { splits: sample } = sampler;
      plan = outcome ? await this.#widen(plan, outcome.widen, table) : await this.#prepare(sample, table);
    }
  }

  async #prepare(splits: Split[], table: Column[] | null): Promise<StreamPlan> {
    this.#ports.phase(this.#stream.name, 'sniff');
    const output = await this.#ports.runTask(
      { ...this.#common(1), type: 'prepare', splits, table, source: this.#described },
      () => {},
    );
    if (output.type !== 'planned') throw new Error(`prepare gave ${output.type}`);
    for (const line of output.plan.evidence) this.#ports.log('debug', line, { stream: this.#stream.name });
    for (const line of output.plan.warnings) this.#ports.log('warn', line, { stream: this.#stream.name });
    return output.plan;
  }

  async #widen(plan: StreamPlan, columns: WiderColumn[], table: Column[] | null): Promise<StreamPlan> {
    const names = columns.map((c) => c.name).join(', ');
    this.#ports.log('info', `Values beyond the sample need wider types (${names}): loading again`, {
      stream: this.#stream.name,
    });
    const output = await this.#ports.runTask({ ...this.#common(1), type: 'widen', plan, columns, table }, () => {});
    if (output.type !== 'planned') throw new Error(`widen gave ${output.type}`);
    return output.plan;
  }

  #common(tasks: number): TaskCommon {
    const { key, runId, loadedAt, projectDir, stream, spool, memory, cores, window = null } = this.#run;
    const threads = Math.max(1, Math.floor(cores / tasks));
    return { key, runId, loadedAt, projectDir, stream, window, spool, threads, memory: Math.floor(memory / tasks) };
  }

  async #round(
    plan: StreamPlan,
    chunks: Split[][],
    commit: EpochCommit,
    opened: Opened,
  ): Promise<StreamOutcome | { widen: WiderColumn[] }> {
    this.#ports.phase(this.#stream.name, 'load', `${chunks.length} tasks`);
    if (chunks.length === 1) return this.#loadOne(plan, chunks[0] ?? [], null, commit, opened);
    if (plan.runScopeFrom === null) return this.#stageAll(plan, chunks, commit);
    const outputs = await allTasks(this.#meter(chunks, plan), this.#ports, chunks, (splits, task) => ({
      ...this.#common(chunks.length),
      type: 'land',
      plan,
      splits,
      task,
      checkpoint: this.#run.fullRefresh ? null : opened.checkpoint,
    }));
    const widen = widened(outputs);
    if (widen) return { widen };
    const landed = outputs.flatMap((o) => (o.type === 'landed' ? [o.landed] : []));
    this.#ports.phase(this.#stream.name, 'finish');
    return this.#loadOne(plan, chunks.flat(), landed, commit, opened);
  }

  /** The last or only task: it writes into the destination and commits in one transaction. */
  async #loadOne(
    plan: StreamPlan,
    splits: Split[],
    landed: Landed[] | null,
    commit: EpochCommit,
    opened: Opened,
  ): Promise<StreamOutcome | { widen: WiderColumn[] }> {
    await faultPoint('protocol.commit.before');
    const input: TaskInput = {
      ...this.#common(1),
      type: 'load',
      plan,
      splits: landed ? [] : splits,
      landed,
      names: splits.map((s) => ({ ordinal: s.ordinal, name: s.file?.path ?? '' })),
      checkpoint: this.#run.fullRefresh ? null : opened.checkpoint,
      commit,
      maxRejected: this.#stream.limits.max_rejected,
    };
    // What was landed before was counted then.
    const meter = landed ? null : this.#meter([splits], plan);
    const report = (share: number, arrived: Arrived) => meter?.at(0, share, arrived);
    const output = await this.#locked(() => this.#settleUnknown(() => this.#ports.runTask(input, report)));
    if (output.type === 'widen') return { widen: output.columns };
    if (output.type !== 'loaded') throw new Error(`load gave ${output.type}`);
    meter?.ended(0, output.counts.rows_read);
    await faultPoint('protocol.commit.after');
    return this.#done(commit.baseSeq + 1, output.counts, output.checkpoint, splits);
  }

  async #stageAll(
    plan: StreamPlan,
    chunks: Split[][],
    commit: EpochCommit,
  ): Promise<StreamOutcome | { widen: WiderColumn[] }> {
    const outputs = await allTasks(this.#meter(chunks, plan), this.#ports, chunks, (splits, task) => ({
      ...this.#common(chunks.length),
      type: 'stage',
      plan,
      splits,
      task,
      attempt: this.#run.attempt,
      epoch: EPOCH,
      disposition: commit.disposition,
    }));
    const widen = widened(outputs);
    if (widen) return { widen };
    const staged = outputs.flatMap((o) => (o.type === 'staged' ? [o] : []));
    const counts = staged.reduce((sum, o) => addCounts(sum, o.counts), zeroCounts());
    enforceLimits(counts, this.#stream.limits.max_rejected, this.#stream);
    await gateRows(this.#stream, counts.rows_written, this.#ports.log);
    this.#ports.phase(this.#stream.name, 'commit');
    await faultPoint('protocol.committing.before');
    await this.#ports.committing(this.#stream.name);
    this.#letFinish();
    await faultPoint('protocol.commit.before');
    const columns = staged[0]?.columns ?? [];
    const tokens = staged.map((o) => o.token);
    const found = await this.#locked(() => this.#commitStaged({ ...commit, columns, counts }, tokens));
    await faultPoint('protocol.commit.after');
    return this.#done(commit.baseSeq + 1, { ...counts, ...found }, commit.checkpoint, chunks.flat());
  }

  async #commitStaged(commit: EpochCommit, tokens: StageToken[]): Promise<Partial<Counts>> {
    try {
      return destinationCounts(await this.#session.commit(commit, tokens));
    } catch (error) {
      return (await outcomeOf(error, this.#run, this.#commitId, this.#ports)).counts ?? {};
    }
  }

  /** A load whose COMMIT got no answer: the stored commitId tells whether it happened. */
  async #settleUnknown(work: () => Promise<TaskOutput>): Promise<TaskOutput> {
    try {
      return await work();
    } catch (error) {
      const now = await outcomeOf(error, this.#run, this.#commitId, this.#ports);
      return {
        type: 'loaded',
        counts: storedCounts(now.counts),
        checkpoint: now.checkpoint ?? {},
        repeated: true,
      };
    }
  }

  #meter(chunks: Split[][], plan: StreamPlan): Meter {
    const { arrived } = this.#listing;
    return new Meter(this.#stream.name, chunks, plan.sniffed.row_bytes ?? null, this.#ports, { ...arrived });
  }

  async #done(seq: number, counts: Counts, checkpoint: Checkpoint, splits: Split[]): Promise<StreamOutcome> {
    await this.#finish(seq, counts, checkpoint);
    await this.#source.committed(sourceSplits(splits));
    return { counts, checkpoint, empty: false };
  }

  async #finish(seq: number, counts: Counts, checkpoint: Checkpoint): Promise<void> {
    await faultPoint('protocol.finish.before');
    await this.#ports.finished(this.#stream.name, { seq, commitId: this.#commitId, checkpoint, counts });
    await this.#ports.settled(this.#stream.name, [this.#run.runId]);
    await faultPoint('protocol.finish.after');
    this.#ports.phase(this.#stream.name, 'done');
  }

  /** Removes what was staged; where that fails it stays recorded as an intent, and the next run removes it. */
  async #abort(): Promise<void> {
    await abortStream(this.#run, this.#ports).catch((error: unknown) => {
      this.#ports.log('warn', `Staging could not be removed now (${messageOf(error)}); the next run removes it`, {
        stream: this.#stream.name,
      });
    });
  }
}
