import { access, constants, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type {
  Addresses,
  CommitResult,
  Destination,
  DestinationContext,
  DestinationSession,
  EpochCommit,
  Opened,
  ReadyRows,
  StageRequest,
  StageToken,
} from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { faultPoint } from '../../model/fault.ts';
import type { FileIdentity, StreamKey } from '../../model/run.ts';
import type { Column } from '../../model/type.ts';
import { orNull } from '../shared/files/disk.ts';
import { Ledger } from '../shared/files/ledger.ts';
import { commitFolder } from '../shared/files/names.ts';
import { queryFiles } from '../shared/files/query.ts';
import { tokenOf } from '../shared/files/stage.ts';
import { type FileState, NO_COMMIT, stateAfter } from '../shared/files/state.ts';
import { FileWriter, type WriterMap } from '../shared/files/writer.ts';
import { runHash, streamHash } from '../shared/names.ts';
import { realPath } from '../shared/real-path.ts';
import { decide, oldKeys, toOpened } from '../shared/state.ts';
import { carryAside, committedFiles, forgetOldAside, gather, notEmpty, publish, versionOf } from './commit.ts';
import { Fences } from './fences.ts';
import { localShelf } from './shelf.ts';

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
  readonly #writer: FileWriter;
  readonly #fences: Fences;
  readonly #ledger: Ledger;

  constructor(ctx: DestinationContext, place: string, writers: WriterMap) {
    this.#ctx = ctx;
    this.#place = place;
    this.#home = join(dirname(place), `.${basename(place)}.sluice`);
    this.#writer = new FileWriter(ctx, writers);
    this.#fences = new Fences(this.#streamFolder(ctx.key), place);
    this.#ledger = new Ledger(localShelf(join(this.#fences.folder, 'ledger')));
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
      const written = await this.#writer.write(rows, epoch.columns, out, 'part-00000');
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
    const staged = await this.#writer.write(rows, columns, folder, `part-${String(task).padStart(5, '0')}`);
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
        commits: await committedFiles(this.#place),
        schema: use.schema,
        table: use.table,
        key,
        budget,
        state: now ? { ...now.state, fence: now.fence } : null,
        ledger: () => this.ledger(),
        writer: (format) => this.#writer.of(format),
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
    this.#writer.check(epoch.columns);
    const now = await this.#fences.current();
    const earlier = decide(now ? { ...now.state, columns: null, fence: now.fence } : null, epoch);
    if (earlier || !now) return earlier ?? { rows_written: 0, repeated: false };
    const whole = rowsToo && epoch.disposition === 'replace';
    if (whole) await this.#requireOwn();
    else if (rowsToo) this.#writer.requireFormat(now.state.format, this.#place);
    const built = join(this.#staging(this.#ctx.runId), String(epoch.epoch), 'out');
    const rows = await make(built);
    const folder = commitFolder(epoch.baseSeq + 1, epoch.commitId);
    const first = whole || (await orNull(stat(this.#place))) === null;
    if (whole) await carryAside(this.#place, built);
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
      version: first ? versionOf(this.#place, this.#home, folder) : null,
    };
    const { fence } = epoch;
    await publish({ fences: this.#fences, fence, place: this.#place, home: this.#home, built, pending, step });
    await this.#sweep(epoch);
    return { ...written, repeated: false };
  }

  /** What the epoch staged goes, a failure leaves it to the run's abort; and rows set aside that were kept long enough. */
  async #sweep(epoch: EpochCommit): Promise<void> {
    const staging = this.#staging(this.#ctx.runId);
    await rm(join(staging, String(epoch.epoch)), { recursive: true, force: true }).catch(() => undefined);
    await rmdir(staging).catch(() => undefined);
    await forgetOldAside(this.#place).catch(() => undefined);
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
      const fences = new Fences(this.#streamFolder(key), this.#place);
      const found = await fences.current();
      if (found?.state.commitId != null)
        return { fences, fence: found.fence, ledger: new Ledger(localShelf(join(fences.folder, 'ledger'))) };
    }
    return null;
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
