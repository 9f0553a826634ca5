import { type ActualSet, changedJobs, type Plan, SluiceError, withState } from '@sluice/core';
import * as applied from './applied.ts';
import { AuditTable } from './audit.ts';
import { BackfillTable } from './backfills.ts';
import { Database, unreachable } from './connection.ts';
import { makeDays, purgeDays } from './days.ts';
import { DueTable } from './due.ts';
import * as dump from './dump.ts';
import { embeddedServer } from './embedded/embedded.ts';
import { stateFolder } from './embedded/location.ts';
import * as epochs from './epochs.ts';
import { EventTable } from './events.ts';
import * as follow from './follow.ts';
import { type Gauges, gauges } from './gauges.ts';
import { JobTable } from './jobs.ts';
import { type LockOptions, LockTable } from './locks.ts';
import * as logs from './logs.ts';
import { MetricTable } from './metrics.ts';
import { migrate } from './migrate.ts';
import { NodeTable } from './nodes.ts';
import { NoticeTable } from './notices.ts';
import { knownState } from './plan-state.ts';
import { RunQueue } from './queue.ts';
import * as runs from './runs.ts';
import { SecretTable } from './secrets.ts';
import { TokenTable } from './tokens.ts';
import type {
  Application,
  AppliedJob,
  CheckpointRow,
  Claim,
  ClaimRequest,
  Counts,
  JobKey,
  JsonObject,
  LogLevel,
  LogLine,
  LogRow,
  OpenIntent,
  RunDetail,
  RunFilter,
  RunRow,
  RunState,
  SluiceErrorJson,
  StreamDone,
  StreamKey,
  StreamState,
  TargetKey,
  TaskRow,
} from './types.ts';

export interface StateLocation {
  projectDir: string;
  /** `state_store` of the project with its references put in; null or empty: DATABASE_URL, else the embedded server. */
  stateStore: string | null;
  /** The embedded server's data of another PostgreSQL are moved aside and told of here; left out: `store/version`. */
  onOldData?: (folder: string, version: string) => void;
}

/** The embedded server may be stopped for lack of users just as one arrives. */
const CONNECT_TRIES = 5;

/** Opens the state store of a project, starting the embedded server where no other store is named. */
export async function openStateStore(location: StateLocation): Promise<Store> {
  const named = location.stateStore || process.env.DATABASE_URL;
  if (named) return openStore({ url: named });
  for (let left = CONNECT_TRIES - 1; ; left--) {
    try {
      return await openStore(await embeddedServer(location.projectDir, location.onOldData));
    } catch (error) {
      const raced = error instanceof SluiceError && error.code === 'store/unreachable' && error.kind === 'transient';
      if (!raced || left === 0) throw error;
    }
  }
}

/**
 * Where a project's state lies, for messages: makes and starts nothing.
 */
export function stateLocation(location: StateLocation): { embedded: boolean; place: string } {
  const named = location.stateStore || process.env.DATABASE_URL;
  if (!named) return { embedded: true, place: stateFolder(location.projectDir) };
  return { embedded: false, place: location.stateStore ? 'state_store' : 'DATABASE_URL' };
}

/** Opens a state store by its URL and brings its schema up to date. Throws `store/unreachable`, `store/newer`. */
export async function openStore({ url, stands }: { url: string; stands?: () => boolean }): Promise<Store> {
  const db = new Database(url);
  try {
    await db.query('SELECT 1');
    if (stands?.() === false) throw unreachable(url, 'it is being stopped');
    await migrate(url);
    return new Store(db);
  } catch (error) {
    await db.end().catch(() => undefined);
    throw error instanceof SluiceError ? error : unreachable(url, error);
  }
}

const VERSION = `SELECT pg_current_snapshot()::text || ' ' || extract(epoch FROM pg_postmaster_start_time())::text AS version`;

/**
 * The state store as verbs; what each does stands with the function of its name. All times are the database's, so that a clock
 * that is wrong on one machine cannot break a lease. Methods throw `store/unreachable` (transient) where the connection fails.
 * Close it: while it is open it keeps a connection, and with it the embedded server.
 */
export class Store {
  readonly url: string;
  /** Runs that wait for a daemon. */
  readonly queue: RunQueue;
  /** Jobs that are applied, and their pauses. */
  readonly jobs: JobTable;
  /** When jobs are due. */
  readonly due: DueTable;
  /** Daemons, and who follows the checkout. */
  readonly nodes: NodeTable;
  readonly backfills: BackfillTable;
  /** What runs measured of themselves. */
  readonly metrics: MetricTable;
  readonly events: EventTable;
  /** What is wrong with jobs, and who was told. */
  readonly notices: NoticeTable;
  /** Sealed secrets; see `secrets/secret-store.ts`. */
  readonly secrets: SecretTable;
  readonly tokens: TokenTable;
  readonly audit: AuditTable;
  readonly #db: Database;
  readonly #locks: LockTable;

  constructor(db: Database) {
    this.url = db.url;
    this.queue = new RunQueue(db);
    this.jobs = new JobTable(db);
    this.due = new DueTable(db);
    this.nodes = new NodeTable(db);
    this.backfills = new BackfillTable(db);
    this.metrics = new MetricTable(db);
    this.events = new EventTable(db);
    this.notices = new NoticeTable(db);
    this.secrets = new SecretTable(db);
    this.tokens = new TokenTable(db);
    this.audit = new AuditTable(db);
    this.#db = db;
    this.#locks = new LockTable(db.url);
  }

  async close(): Promise<void> {
    await this.#locks.close();
    await this.#db.end();
  }

  /** The time of the database's clock, which is everybody's, in milliseconds. */
  async now(): Promise<number> {
    const { rows } = await this.#db.query('SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now');
    return Math.round(rows[0]?.now);
  }

  /**
   * Differs from before wherever anything may have been written since: which transactions can be seen, and by whom they were written, since
   * a server that was started again may have lost the last ones.
   */
  async version(): Promise<string> {
    const { rows } = await this.#db.query({ name: 'version', text: VERSION });
    return String(rows[0]?.version);
  }

  /** Connections of the pool by what they are at. */
  connections(): ReturnType<Database['counts']> {
    return this.#db.counts();
  }

  /** See `gauges.ts`. */
  gauges(key: TargetKey): Promise<Gauges> {
    return gauges(this.#db, key);
  }

  /** Version of the server, such as `18.1`. */
  async serverVersion(): Promise<string> {
    const { rows } = await this.#db.query(`SELECT current_setting('server_version') AS version`);
    return String(rows[0]?.version);
  }

  /** See `dump.ts`. */
  exportState(project: string | null, write: (line: string) => Promise<void>): Promise<dump.Exported> {
    return dump.exportState(this.#db, project, write);
  }

  importState(lines: AsyncIterable<string>): Promise<dump.Imported> {
    return dump.importState(this.#db, lines);
  }

  /** Runs `work` while this process alone holds the named lock; see `locks.ts`. */
  withLock<T>(name: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
    return this.#locks.hold(name, options, work);
  }

  actual(key: TargetKey, known?: ActualSet): Promise<ActualSet> {
    return applied.actual(this.#db, key, known);
  }

  /** Runs of a tag or connection that may go on at a time, by `tag:NAME` and `connection:NAME`, as they are applied. */
  limits(key: TargetKey): Promise<Record<string, number>> {
    return applied.appliedLimits(this.#db, key);
  }

  /** A plan with what it means for runs that go on or wait, for pauses, and for what was committed before. */
  async withState(plan: Plan): Promise<Plan> {
    return withState(plan, await knownState(this.#db, plan, changedJobs(plan)));
  }

  applyPlan(application: Application): Promise<number> {
    return applied.applyPlan(this.#db, application);
  }

  appliedRevision(key: TargetKey): Promise<string | null> {
    return applied.appliedRevision(this.#db, key);
  }

  appliedJobs(key: TargetKey): Promise<AppliedJob[]> {
    return applied.appliedJobs(this.#db, key);
  }

  claimJob(request: ClaimRequest): Promise<Claim> {
    return runs.claimJob(this.#db, request);
  }

  renew(lease: runs.LeaseKey & { leaseMs: number }): Promise<boolean> {
    return runs.renew(this.#db, lease);
  }

  /** Of these runs the ones that have ended: what they left on disk may go. Runs that this store does not know are left out. */
  ended(ids: readonly string[]): Promise<string[]> {
    return runs.endedRuns(this.#db, ids);
  }

  startAttempt(attempt: { run: string; attempt: number }): Promise<void> {
    return runs.startAttempt(this.#db, attempt);
  }

  finishAttempt(end: { run: string; attempt: number; error: SluiceErrorJson | null }): Promise<void> {
    return runs.finishAttempt(this.#db, end);
  }

  markCommitting(run: string, attempt: number | null = null): Promise<void> {
    return runs.markCommitting(this.#db, run, attempt);
  }

  setRunState(run: string, state: RunState): Promise<void> {
    return runs.setRunState(this.#db, run, state);
  }

  finishRun(end: runs.LeaseKey & { state: RunState; counts: Counts; error: SluiceErrorJson | null }): Promise<void> {
    return runs.finishRun(this.#db, end);
  }

  /** The runs of a job, the newest first. */
  runs(key: JobKey, limit = 20): Promise<RunRow[]> {
    return runs.listRuns(this.#db, { ...key, limit });
  }

  listRuns(filter: RunFilter): Promise<RunRow[]> {
    return runs.listRuns(this.#db, filter);
  }

  findRun(run: string): Promise<RunDetail | null> {
    return runs.findRun(this.#db, run);
  }

  recordTasks(tasks: epochs.EpochKey & { splits: unknown[][] }): Promise<void> {
    return epochs.recordTasks(this.#db, tasks);
  }

  tasks(key: epochs.EpochKey): Promise<TaskRow[]> {
    return epochs.tasksOf(this.#db, key);
  }

  recordIntent(intent: epochs.EpochKey & { destination: JsonObject }): Promise<void> {
    return epochs.recordIntent(this.#db, intent);
  }

  openIntents(key: JobKey): Promise<OpenIntent[]> {
    return epochs.openIntents(this.#db, key);
  }

  hasIntents(run: string): Promise<boolean> {
    return epochs.hasIntents(this.#db, run);
  }

  /** Everything that these runs staged for the stream is committed or removed. */
  settle(settled: { runs: string[]; stream: string }): Promise<void> {
    return epochs.settle(this.#db, settled);
  }

  recordToken(token: epochs.EpochKey & { task: number; token: JsonObject; counts: Counts }): Promise<void> {
    return epochs.recordToken(this.#db, token);
  }

  finishStream(done: StreamDone): Promise<void> {
    return epochs.finishStream(this.#db, done);
  }

  failStream(failed: { run: string; stream: string; state: RunState; error: SluiceErrorJson }): Promise<void> {
    return epochs.failStream(this.#db, failed);
  }

  /** The checkpoints of a stream, the newest first. */
  checkpoints(key: StreamKey, limit = 20): Promise<CheckpointRow[]> {
    return epochs.checkpoints(this.#db, key, limit);
  }

  /** The newest checkpoint of every stream of a project and target, or of one job. */
  streamStates(key: { project: string; target: string; job?: string }): Promise<StreamState[]> {
    return epochs.streamStates(this.#db, key);
  }

  appendLogs(run: string, lines: readonly LogLine[]): Promise<void> {
    return logs.appendLogs(this.#db, run, lines);
  }

  readLogs(run: string, options: { level?: LogLevel; after?: string; limit?: number } = {}): Promise<LogRow[]> {
    return logs.readLogs(this.#db, run, options);
  }

  /** Lines that were left out of a run's log because there were too many. */
  addDroppedLogs(run: string, lines: number): Promise<void> {
    return logs.addDropped(this.#db, run, lines);
  }

  /** See `follow.ts`. */
  followLogs(run: string, options: { level?: LogLevel; after?: string }, signal: AbortSignal) {
    return follow.followLogs(this, run, options, signal);
  }

  followMetrics(run: string, options: { after?: string }, signal: AbortSignal) {
    return follow.followMetrics(this, run, options, signal);
  }

  followEvents(filter: TargetKey & { job?: string; run?: string; after?: string }, signal: AbortSignal) {
    return follow.followEvents(this, filter, signal);
  }

  /** Makes room for the logs and metrics of the days to come, and removes those older than `keepMs`. */
  async keepDays(keepMs: number): Promise<{ days: number; rows: number }> {
    const now = await this.now();
    await makeDays(this.#db, now);
    return purgeDays(this.#db, now, keepMs);
  }
}
