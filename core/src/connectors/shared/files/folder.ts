import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinHere } from 'node:path';
import type {
  Addresses,
  CommitResult,
  DestinationContext,
  DestinationSession,
  EpochCommit,
  Opened,
  ReadyRows,
  StageRequest,
  StageToken,
} from '../../../model/component.ts';
import { SluiceError } from '../../../model/error.ts';
import { faultPoint } from '../../../model/fault.ts';
import type { QuarantinedRow, QuarantineFilter, QuarantineGroup } from '../../../model/quarantine.ts';
import type { FileIdentity, StreamKey } from '../../../model/run.ts';
import type { Column } from '../../../model/type.ts';
import { runHash, streamHash } from '../names.ts';
import { quarantinedRows, quarantineGroups, type ReadDoor, requireOpen } from '../quarantine.ts';
import { decide, oldKeys, toOpened } from '../state.ts';
import { carryAside, committedFiles, forgetOldAside, gather, notEmpty, publish, versionOf } from './commit.ts';
import type { Disk } from './disk.ts';
import { Fences } from './fences.ts';
import { Ledger } from './ledger.ts';
import { commitFolder } from './names.ts';
import { asideDoor, type CommittedFiles, queryFiles } from './query.ts';
import { folderShelf } from './shelf.ts';
import { type Staged, tokenOf } from './stage.ts';
import { type FileState, NO_COMMIT, stateAfter } from './state.ts';
import { FileWriter, requireAppend, type WriterMap } from './writer.ts';

export interface FolderDestinationOptions {
  disk: Disk;
  /** The data's path, with every link above it followed. */
  place: string;
  /** See `DestinationSession.lock`. */
  lock: string | null;
  /** For messages: where it is. */
  shown: string;
  /** Reach and rights; throws a SluiceError. */
  test(): Promise<void>;
  close?(): Promise<void>;
}

/** Files in a folder of a disk: a folder for each commit, and for each replace a version behind a link. */
export class FolderDestination implements DestinationSession {
  readonly lock: string | null;
  readonly folders: readonly string[];
  readonly files: readonly string[] = [];
  readonly #ctx: DestinationContext;
  readonly #options: FolderDestinationOptions;
  readonly #disk: Disk;
  readonly #place: string;
  readonly #home: string;
  readonly #writer: FileWriter;
  readonly #fences: Fences;
  readonly #ledger: Ledger;

  constructor(ctx: DestinationContext, options: FolderDestinationOptions, writers: WriterMap) {
    this.#ctx = ctx;
    this.#options = options;
    this.#disk = options.disk;
    this.#place = options.place;
    this.lock = options.lock;
    const { join, dirname, basename } = this.#disk.paths;
    this.#home = join(dirname(this.#place), `.${basename(this.#place)}.sluice`);
    this.#writer = new FileWriter(ctx, writers);
    this.#fences = new Fences(this.#disk, this.#streamFolder(ctx.key), this.#place);
    this.#ledger = this.#ledgerOf(this.#fences);
    this.folders = this.#disk.isHere ? [this.#staging(ctx.runId)] : [];
  }

  test(): Promise<void> {
    return this.#options.test();
  }

  async open(addresses: Addresses, renamedFrom: readonly string[]): Promise<Opened> {
    await faultPoint('destination.open.before');
    const found = await this.#disk.look(this.#place);
    if (found !== null && !found.isFolder) throw notAFolder(this.#options.shown);
    if (this.#ctx.use.write_disposition === 'replace') await this.#requireOwn();
    const old = await this.#renamed(renamedFrom);
    const fence = await this.#fences.mint(old?.fence ?? 0);
    await this.#fences.revoke(fence);
    if (old) await old.fences.revoke(Number.MAX_SAFE_INTEGER);
    await faultPoint('destination.open.inside');
    const state = await this.#takeOver(old);
    await this.#fences.hold(fence, { runId: this.#ctx.runId, state });
    if (old) await this.#disk.remove(old.fences.folder);
    await this.#ledger.keep(state.ledger);
    await faultPoint('destination.open.after');
    return { ...toOpened({ ...state, columns: state.table, fence }, addresses), table: state.table };
  }

  async inspect(): Promise<(Opened & { files: number }) | null> {
    const now = await this.#fences.current();
    if (!now) return null;
    const files = (await this.#ledger.read(now.state.ledger)).size;
    return { ...toOpened({ ...now.state, columns: null, fence: now.fence }, null), table: now.state.table, files };
  }

  async ledger(): Promise<Map<string, FileIdentity>> {
    const now = await this.#fences.current();
    return this.#ledger.read(now?.state.ledger ?? []);
  }

  async attach(): Promise<void> {}

  async detach(): Promise<void> {}

  async load(epoch: EpochCommit, rows: ReadyRows): Promise<CommitResult> {
    await faultPoint('destination.load.before');
    const result = await this.#write('load', epoch, true, async (out) => {
      const written = await this.#bring(rows, epoch.columns, out, 'part-00000');
      await rows.gate?.(written.rows);
      return written.rows;
    });
    await faultPoint('destination.load.after');
    return result;
  }

  async stage(request: StageRequest, rows: ReadyRows): Promise<StageToken> {
    await faultPoint('destination.stage.before');
    const { epoch, task, attempt, columns } = request;
    if (!this.#disk.links) requireAppend(request);
    const folder = this.#disk.paths.join(this.#staging(this.#ctx.runId), String(epoch), `${task}.${attempt}`);
    const staged = await this.#bring(rows, columns, folder, `part-${String(task).padStart(5, '0')}`);
    await faultPoint('destination.stage.after');
    return tokenOf(staged);
  }

  async commit(epoch: EpochCommit, tokens: readonly StageToken[]): Promise<CommitResult> {
    await faultPoint('destination.commit.before');
    // A commit without rows leaves the files alone.
    const result = await this.#write('commit', epoch, tokens.length > 0, async (out) => {
      await gather(this.#disk, tokens, out);
      return tokens.reduce((sum, token) => sum + token.rows, 0);
    });
    await faultPoint('destination.commit.after');
    return result;
  }

  async abort(runId: string): Promise<void> {
    await faultPoint('destination.abort.before');
    const { join, dirname } = this.#disk.paths;
    await this.#disk.remove(this.#staging(runId));
    for (const version of await this.#fences.discard(runId))
      await this.#disk.remove(join(dirname(this.#place), version));
    await faultPoint('destination.abort.after');
  }

  quarantineGroups(): Promise<QuarantineGroup[]> {
    return quarantineGroups(this.#aside());
  }

  quarantined(filter: QuarantineFilter, page: { limit: number; offset: number }): Promise<QuarantinedRow[]> {
    return quarantinedRows(this.#aside(), filter, page);
  }

  /** The rows set aside: the data's own files are not looked at. */
  #aside(): ReadDoor {
    return asideDoor(this.#ctx.key, (sql) => this.#look(sql, (commit) => ({ ...commit, paths: [] })));
  }

  query(sql: string): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }> {
    return this.#look(sql, (commit) => commit);
  }

  async #look(
    sql: string,
    part: (commit: CommittedFiles) => CommittedFiles,
  ): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }> {
    const now = await this.#fences.current();
    const { use, key, budget } = this.#ctx;
    const state = now ? { ...now.state, fence: now.fence } : null;
    const { schema, table } = use;
    const ledger = () => this.ledger();
    const writer = (format: string) => this.#writer.of(format);
    const query = { schema, table, key, budget, state, ledger, writer };
    const commits = (await committedFiles(this.#disk, this.#place)).map(part);
    if (this.#disk.isHere) return queryFiles({ ...query, place: this.#place, commits }, sql);
    const place = await mkdtemp(joinHere(tmpdir(), 'sluice-look-'));
    try {
      return await queryFiles({ ...query, place, commits: await this.#fetched(commits, place) }, sql);
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  }

  async #fetched(commits: readonly CommittedFiles[], folder: string): Promise<CommittedFiles[]> {
    let count = 0;
    const fetch = async (path: string) => {
      const to = joinHere(folder, `${count++}${this.#disk.paths.extname(path)}`);
      await this.#disk.fetch(path, to);
      return to;
    };
    const all = async (paths: readonly string[]) => {
      const got: string[] = [];
      for (const path of paths) got.push(await fetch(path));
      return got;
    };
    const here: CommittedFiles[] = [];
    for (const commit of commits)
      here.push({ ...commit, paths: await all(commit.paths), aside: await all(commit.aside) });
    return here;
  }

  async close(): Promise<void> {
    await this.#options.close?.();
  }

  /** Writes a task's rows below a folder of the disk, anew. */
  async #bring(rows: ReadyRows, columns: readonly Column[], folder: string, name: string): Promise<Staged> {
    await this.#disk.remove(folder);
    if (this.#disk.isHere) {
      const written = await this.#writer.write(rows, columns, folder, name);
      await this.#disk.sync(folder);
      return written;
    }
    const local = joinHere(rows.engine.spool, `out-${randomUUID()}`);
    try {
      const written = await this.#writer.write(rows, columns, local, name);
      for (const { path } of [...written.files, ...written.aside])
        await this.#disk.bring(joinHere(local, path), this.#disk.paths.join(folder, path));
      return { ...written, folder };
    } finally {
      await rm(local, { recursive: true, force: true });
    }
  }

  async #write(
    step: 'load' | 'commit',
    epoch: EpochCommit,
    rowsToo: boolean,
    make: (out: string) => Promise<number>,
  ): Promise<CommitResult> {
    if (epoch.window && this.#disk.links) throw noWindows();
    if (!this.#disk.links) requireAppend(epoch);
    this.#writer.check(epoch.columns);
    const now = await this.#fences.current();
    const earlier = decide(now ? { ...now.state, columns: null, fence: now.fence } : null, epoch);
    if (earlier || !now) return earlier ?? { rows_written: 0, repeated: false };
    if (epoch.replays) await requireOpen(this.#aside(), epoch.replays);
    const whole = rowsToo && epoch.disposition === 'replace';
    if (whole) await this.#requireOwn();
    else if (rowsToo) this.#writer.requireFormat(now.state.format, this.#options.shown, !this.#disk.links);
    const built = this.#disk.paths.join(this.#staging(this.#ctx.runId), String(epoch.epoch), 'out');
    const rows = await make(built);
    const folder = commitFolder(epoch.baseSeq + 1, epoch.commitId);
    const first = this.#disk.links !== undefined && (whole || (await this.#disk.look(this.#place)) === null);
    if (whole) await carryAside(this.#disk, this.#place, built);
    const written = { rows_written: rows, rows_inserted: rows };
    const pending = {
      state: stateAfter(now.state, epoch, {
        counts: written,
        format: this.#writer.format,
        ledger: await this.#ledger.after(now.state.ledger, epoch, `${folder}.ndjson`),
        whole,
      }),
      folder,
      columns: epoch.columns,
      version: first ? versionOf(this.#disk, this.#place, this.#home, folder) : null,
    };
    const at = { disk: this.#disk, fences: this.#fences, place: this.#place, home: this.#home };
    await publish({ ...at, fence: epoch.fence, built, pending, step }).catch(settleLost);
    await this.#sweep(epoch);
    return { ...written, repeated: false };
  }

  /** What the epoch staged goes, a failure leaves it to the run's abort; and rows set aside that were kept long enough. */
  async #sweep(epoch: EpochCommit): Promise<void> {
    const staging = this.#staging(this.#ctx.runId);
    await this.#disk.remove(this.#disk.paths.join(staging, String(epoch.epoch))).catch(() => undefined);
    await this.#disk.removeEmpty(staging).catch(() => false);
    await forgetOldAside(this.#disk, this.#place).catch(() => undefined);
  }

  async #takeOver(old: Renamed | null): Promise<FileState> {
    const own = await this.#fences.current();
    const moved = old ? await old.fences.current() : null;
    if (old && moved) {
      await this.#ledger.takeFrom(old.ledger, moved.state.ledger);
      return { ...moved.state, key: this.#ctx.key };
    }
    return own?.state ?? { ...NO_COMMIT, key: this.#ctx.key };
  }

  /** The stream's state under a name that its job had before, unless it has commits under the new one. */
  async #renamed(renamedFrom: readonly string[]): Promise<Renamed | null> {
    const own = await this.#fences.current();
    if (own?.state.commitId != null) return null;
    for (const key of oldKeys(this.#ctx.key, renamedFrom)) {
      const fences = new Fences(this.#disk, this.#streamFolder(key), this.#place);
      const found = await fences.current();
      if (found?.state.commitId != null) return { fences, fence: found.fence, ledger: this.#ledgerOf(fences) };
    }
    return null;
  }

  /** A replace swaps the whole path, so nothing of others may lie in it. */
  async #requireOwn(): Promise<void> {
    const names = (await this.#fences.linked()) === null ? await this.#disk.names(this.#place) : [];
    if (names.length > 0) throw notEmpty(this.#options.shown);
  }

  #ledgerOf(fences: Fences): Ledger {
    return new Ledger(folderShelf(this.#disk, this.#disk.paths.join(fences.folder, 'ledger')));
  }

  #streamFolder(key: StreamKey): string {
    return this.#disk.paths.join(this.#home, 'streams', streamHash(key));
  }

  #staging(runId: string): string {
    return this.#disk.paths.join(this.#home, 'staging', runHash(this.#ctx.key, runId));
  }
}

interface Renamed {
  fences: Fences;
  fence: number;
  ledger: Ledger;
}

/** A connection that broke may have carried the rename over before it did. */
function settleLost(error: unknown): never {
  if (!(error instanceof SluiceError) || error.code !== 'destination/lost') throw error;
  throw new SluiceError('commit/unknown', 'transient', `How the commit ended is not known: ${error.message}`, {
    cause: error,
    hint: 'The run opens the destination again and looks.',
  });
}

function notAFolder(place: string): SluiceError {
  return new SluiceError('destination/not-a-folder', 'config', `${place} is a file, not a folder.`, {
    hint: 'Give `path` a folder.',
  });
}

function noWindows(): SluiceError {
  return new SluiceError('destination/window', 'config', 'Files cannot replace the rows of one window.', {
    hint: 'Append, or write into a table.',
  });
}
