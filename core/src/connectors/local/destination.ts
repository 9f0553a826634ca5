import { access, constants, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type {
  Addresses,
  CommitResult,
  Destination,
  DestinationContext,
  DestinationSession,
  EpochCommit,
  FormatWriter,
  Opened,
  ReadyRows,
  StageRequest,
  StageToken,
} from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { faultPoint } from '../../model/fault.ts';
import type { FileIdentity, StreamKey } from '../../model/run.ts';
import type { Column } from '../../model/type.ts';
import { parseSize } from '../../model/units.ts';
import { checkNames } from '../shared/ddl.ts';
import { runHash, streamHash } from '../shared/names.ts';
import { realPath } from '../shared/real-path.ts';
import { decide, oldKeys, toOpened } from '../shared/state.ts';
import { carryAside, gather, notEmpty, publish, versionOf } from './commit.ts';
import { orNull } from './disk.ts';
import { Fences, type StoredState } from './fences.ts';
import { Ledger } from './ledger.ts';
import { commitFolder } from './names.ts';
import { queryFiles } from './query.ts';
import { type Layout, type Staged, tokenOf, type Writers, writeFiles } from './stage.ts';

type WriterMap = Readonly<Record<string, { load: () => Promise<FormatWriter> }>>;

/** Files in a folder of this machine: a folder for each commit, and for each replace a version behind a link. */
export function localDestination(writers: WriterMap): Destination {
  return {
    async connect(ctx) {
      const { path, root } = ctx.use.settings;
      return new LocalDestination(ctx, await placeOf(path, root, ctx.projectDir), writers);
    },
  };
}

/** The data's path with every link above it followed: the path itself may be the link that a replace swaps. */
async function placeOf(path: unknown, root: unknown, projectDir: string): Promise<string> {
  const text = String(path ?? '');
  const full = resolve(projectDir, typeof root === 'string' ? root : '.', text);
  if (text === '' || /^\w+:\/\//.test(text) || basename(full) === '')
    throw new SluiceError('destination/bad-path', 'config', `"${text}" is no folder of this machine.`, {
      hint: 'Give `path` a folder, such as out/orders.',
    });
  return join(await realPath(dirname(full)), basename(full));
}

class LocalDestination implements DestinationSession {
  readonly lock: string;
  readonly folders: readonly string[];
  readonly files: readonly string[] = [];
  readonly #ctx: DestinationContext;
  readonly #place: string;
  readonly #home: string;
  readonly #writers: WriterMap;
  readonly #format: string;
  readonly #fences: Fences;
  readonly #ledger: Ledger;

  constructor(ctx: DestinationContext, place: string, writers: WriterMap) {
    this.#ctx = ctx;
    this.#place = place;
    this.#home = join(dirname(place), `.${basename(place)}.sluice`);
    this.#writers = writers;
    this.#format = String(ctx.use.settings.format ?? 'parquet');
    this.#fences = new Fences(this.#streamFolder(ctx.key), place);
    this.#ledger = new Ledger(this.#fences.folder);
    this.lock = place;
    this.folders = [this.#staging(ctx.runId)];
  }

  async test(): Promise<void> {
    const parent = dirname(this.#place);
    const refused = (error: Error) => {
      throw new SluiceError('destination/no-rights', 'config', `The folder ${parent} is not writable.`, {
        hint: 'Give `path` a folder that the user that runs this may write to.',
        cause: error,
      });
    };
    await mkdir(parent, { recursive: true }).catch(refused);
    await access(parent, constants.W_OK).catch(refused);
  }

  async open(addresses: Addresses, renamedFrom: readonly string[]): Promise<Opened> {
    await faultPoint('destination.open.before');
    const found = await orNull(stat(this.#place));
    if (found !== null && !found.isDirectory()) throw notAFolder(this.#place);
    if (this.#ctx.use.write_disposition === 'replace') await this.#requireOwn();
    const old = await this.#renamed(renamedFrom);
    const fence = await this.#fences.mint(old?.fence ?? 0);
    await this.#fences.revoke(fence);
    if (old) await old.fences.revoke(Number.MAX_SAFE_INTEGER);
    await faultPoint('destination.open.inside');
    const state = await this.#takeOver(old);
    await this.#fences.hold(fence, { runId: this.#ctx.runId, state });
    if (old) await rm(old.fences.folder, { recursive: true, force: true });
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
      await rm(out, { recursive: true, force: true });
      const written = await this.#files(rows, epoch.columns, out, 'part-00000');
      await rows.gate?.(written.rows);
      return written.rows;
    });
    await faultPoint('destination.load.after');
    return result;
  }

  async stage(request: StageRequest, rows: ReadyRows): Promise<StageToken> {
    await faultPoint('destination.stage.before');
    const { epoch, task, attempt, columns } = request;
    const folder = join(this.#staging(this.#ctx.runId), String(epoch), `${task}.${attempt}`);
    await rm(folder, { recursive: true, force: true });
    const staged = await this.#files(rows, columns, folder, `part-${String(task).padStart(5, '0')}`);
    await faultPoint('destination.stage.after');
    return tokenOf(staged);
  }

  async commit(epoch: EpochCommit, tokens: readonly StageToken[]): Promise<CommitResult> {
    await faultPoint('destination.commit.before');
    // A commit without rows leaves the files alone.
    const result = await this.#write('commit', epoch, tokens.length > 0, async (out) => {
      await gather(tokens, out);
      return tokens.reduce((sum, token) => sum + token.rows, 0);
    });
    await faultPoint('destination.commit.after');
    return result;
  }

  async abort(runId: string): Promise<void> {
    await faultPoint('destination.abort.before');
    await rm(this.#staging(runId), { recursive: true, force: true });
    for (const version of await this.#fences.discard(runId))
      await rm(join(dirname(this.#place), version), { recursive: true, force: true });
    await faultPoint('destination.abort.after');
  }

  async query(sql: string): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }> {
    const now = await this.#fences.current();
    const { use, key, budget } = this.#ctx;
    return queryFiles(
      {
        place: this.#place,
        schema: use.schema,
        table: use.table,
        key,
        budget,
        state: now ? { ...now.state, fence: now.fence } : null,
        ledger: () => this.ledger(),
        writer: (format) => this.#writer(format),
      },
      sql,
    );
  }

  async close(): Promise<void> {}

  async #write(
    step: 'load' | 'commit',
    epoch: EpochCommit,
    rowsToo: boolean,
    make: (out: string) => Promise<number>,
  ): Promise<CommitResult> {
    if (epoch.window) throw noWindows();
    this.#check(epoch.columns);
    const now = await this.#fences.current();
    const earlier = decide(now ? { ...now.state, columns: null, fence: now.fence } : null, epoch);
    if (earlier || !now) return earlier ?? { rows_written: 0, repeated: false };
    const whole = rowsToo && epoch.disposition === 'replace';
    if (whole) await this.#requireOwn();
    else if (rowsToo) this.#requireFormat(now.state);
    const built = join(this.#staging(this.#ctx.runId), String(epoch.epoch), 'out');
    const rows = await make(built);
    const folder = commitFolder(epoch.baseSeq + 1, epoch.commitId);
    const first = whole || (await orNull(stat(this.#place))) === null;
    if (whole) await carryAside(this.#place, built);
    const written = { rows_written: rows, rows_inserted: rows };
    const pending = {
      state: await this.#next(now.state, epoch, written, folder, whole),
      folder,
      columns: epoch.columns,
      version: first ? versionOf(this.#place, this.#home, folder) : null,
    };
    const { fence } = epoch;
    await publish({ fences: this.#fences, fence, place: this.#place, home: this.#home, built, pending, step });
    await this.#sweep(epoch);
    return { ...written, repeated: false };
  }

  async #next(
    before: StoredState,
    epoch: EpochCommit,
    written: Omit<CommitResult, 'repeated'>,
    name: string,
    whole: boolean,
  ): Promise<StoredState> {
    const known = whole ? [] : (before.table ?? []);
    const added = epoch.columns.filter((c) => !known.some((k) => k.name === c.name));
    const changed = (column: Column) => epoch.columns.find((c) => c.name === column.name) ?? column;
    return {
      ...before,
      seq: epoch.baseSeq + 1,
      commitId: epoch.commitId,
      checkpoint: epoch.checkpoint,
      counts: { ...epoch.counts, ...written },
      addresses: epoch.addresses,
      table: [...known.map(changed), ...added],
      format: epoch.columns.length > 0 ? this.#format : before.format,
      ledger: await this.#ledger.after(before.ledger, epoch, name),
    };
  }

  /** What the epoch staged goes; a failure leaves it to the run's abort. */
  async #sweep(epoch: EpochCommit): Promise<void> {
    const staging = this.#staging(this.#ctx.runId);
    await rm(join(staging, String(epoch.epoch)), { recursive: true, force: true }).catch(() => undefined);
    await rmdir(staging).catch(() => undefined);
  }

  async #takeOver(old: Renamed | null): Promise<StoredState> {
    const own = await this.#fences.current();
    const moved = old ? await old.fences.current() : null;
    if (old && moved) {
      await this.#ledger.takeFrom(old.ledger, moved.state.ledger);
      return { ...moved.state, key: this.#ctx.key };
    }
    return own?.state ?? { ...EMPTY, key: this.#ctx.key };
  }

  /** The stream's state under a name that its job had before, unless it has commits under the new one. */
  async #renamed(renamedFrom: readonly string[]): Promise<Renamed | null> {
    const own = await this.#fences.current();
    if (own?.state.commitId != null) return null;
    for (const key of oldKeys(this.#ctx.key, renamedFrom)) {
      const fences = new Fences(this.#streamFolder(key), this.#place);
      const found = await fences.current();
      if (found?.state.commitId != null) return { fences, fence: found.fence, ledger: new Ledger(fences.folder) };
    }
    return null;
  }

  async #files(rows: ReadyRows, columns: readonly Column[], folder: string, name: string): Promise<Staged> {
    this.#check(columns);
    const writers: Writers = { data: await this.#writer(this.#format), aside: await this.#writer('json') };
    const { key, runId } = this.#ctx;
    return writeFiles(rows, columns, { folder, name, layout: this.#layout(), writers, key, runId });
  }

  async #writer(format: string): Promise<FormatWriter> {
    const entry = this.#writers[format];
    if (!entry) throw new SluiceError('component/unknown', 'config', `Files cannot be written as ${format}.`);
    return entry.load();
  }

  #layout(): Layout {
    const { partition_by: by, target_file_size: size } = this.#ctx.use.settings;
    const partitionBy = Array.isArray(by) ? by.map(String) : [];
    return { partitionBy, fileSize: typeof size === 'string' && partitionBy.length === 0 ? parseSize(size) : null };
  }

  #check(columns: readonly Column[]): void {
    checkNames(
      columns.map((c) => ({ kind: 'column', name: c.name })),
      { bytes: null, fold: (name) => name.toLowerCase() },
    );
    const names = new Set(columns.map((c) => c.name));
    const missing = this.#layout().partitionBy.find((name) => !names.has(name));
    if (missing !== undefined)
      throw new SluiceError(
        'destination/partition',
        'config',
        `The rows have no column "${missing}" to partition by.`,
        {
          where: { column: missing },
          hint: `Name columns as they are after the transforms: ${[...names].join(', ')}.`,
        },
      );
  }

  #requireFormat(state: StoredState): void {
    if (state.format === null || state.format === this.#format) return;
    throw new SluiceError(
      'destination/format-changed',
      'config',
      `${this.#place} holds files of the format ${state.format}; the job writes ${this.#format}.`,
      { hint: 'Give `path` another folder, or load everything anew with --full-refresh.' },
    );
  }

  /** A replace swaps the whole path, so nothing of others may lie in it. */
  async #requireOwn(): Promise<void> {
    const names = (await this.#fences.linked()) === null ? ((await orNull(readdir(this.#place))) ?? []) : [];
    if (names.length > 0) throw notEmpty(this.#place);
  }

  #streamFolder(key: StreamKey): string {
    return join(this.#home, 'streams', streamHash(key));
  }

  #staging(runId: string): string {
    return join(this.#home, 'staging', runHash(this.#ctx.key, runId));
  }
}

interface Renamed {
  fences: Fences;
  fence: number;
  ledger: Ledger;
}

const EMPTY: Omit<StoredState, 'key'> = {
  seq: 0,
  commitId: null,
  checkpoint: null,
  counts: null,
  addresses: null,
  table: null,
  format: null,
  ledger: [],
};

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
