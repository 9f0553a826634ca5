import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
import { messageOf, SluiceError } from '../../model/error.ts';
import { faultPoint } from '../../model/fault.ts';
import type { QuarantinedRow, QuarantineFilter, QuarantineGroup } from '../../model/quarantine.ts';
import type { FileIdentity, StreamKey } from '../../model/run.ts';
import type { Column } from '../../model/type.ts';
import { fetchCommits } from '../shared/files/fetched.ts';
import { plainName } from '../shared/files/names.ts';
import { asideDoor, queryFiles } from '../shared/files/query.ts';
import { type FileState, stateAfter } from '../shared/files/state.ts';
import { FileWriter, requireAppend, type WriterMap } from '../shared/files/writer.ts';
import { streamHash } from '../shared/names.ts';
import { quarantinedRows, quarantineGroups, type ReadDoor, requireOpen } from '../shared/quarantine.ts';
import type { S3Settings } from '../shared/s3/client.ts';
import { ObjectStore, type Upload } from '../shared/s3/store.ts';
import { stagingLost } from '../shared/staged.ts';
import { decide, oldKeys, toOpened } from '../shared/state.ts';
import { noCommit, type Pending, type Stored, StreamState } from './stream-state.ts';

/** Files that are brought to the store side by side. */
const UPLOADS_AT_ONCE = 4;

/** What a token of a task says. */
interface Staged {
  rows: number;
  uploads: Upload[];
}

/** Objects below a prefix: a folder for each commit. */
export function s3Destination(writers: WriterMap): Destination {
  return {
    async connect(ctx) {
      return new S3Destination(ctx, writers);
    },
  };
}

class S3Destination implements DestinationSession {
  readonly lock = null;
  readonly folders: readonly string[] = [];
  readonly files: readonly string[] = [];
  readonly #ctx: DestinationContext;
  readonly #store: ObjectStore;
  readonly #place: string;
  readonly #writer: FileWriter;
  readonly #state: StreamState;

  constructor(ctx: DestinationContext, writers: WriterMap) {
    this.#ctx = ctx;
    this.#place = prefixOf(ctx.use.settings.path);
    this.#store = new ObjectStore(ctx.use.settings as unknown as S3Settings, ctx.signal);
    this.#writer = new FileWriter(ctx, writers);
    this.#state = this.#stateOf(ctx.key);
  }

  async test(): Promise<void> {
    await this.#store.tryWrite(`${homeOf(this.#place)}/probe-${randomUUID()}`);
    for await (const _ of this.#store.list(`${homeOf(this.#place)}/`)) break;
    await this.#state.read();
  }

  async open(addresses: Addresses, renamedFrom: readonly string[]): Promise<Opened> {
    await faultPoint('destination.open.before');
    const old = await this.#renamed(renamedFrom);
    if (old) old.stored = await old.state.update(async (now) => raised(await old.state.settle(now ?? old.stored)));
    await faultPoint('destination.open.inside');
    const { key } = this.#ctx;
    const { fence, state } = await this.#state.update(async (now) => {
      const settled = await this.#state.settle(now ?? noCommit(key));
      if (!old || settled.state.commitId !== null) return raised(settled);
      await this.#state.ledger.takeFrom(old.state.ledger, old.stored.state.ledger);
      return raised({
        ...old.stored,
        fence: Math.max(settled.fence, old.stored.fence),
        state: { ...old.stored.state, key },
      });
    });
    if (old) await old.state.remove();
    await this.#state.ledger.keep(state.ledger);
    await faultPoint('destination.open.after');
    return { ...toOpened({ ...state, columns: state.table, fence }, addresses), table: state.table };
  }

  async inspect(): Promise<(Opened & { files: number }) | null> {
    const now = await this.#state.read();
    if (!now) return null;
    const { fence, state } = now.stored;
    const files = (await this.#state.ledger.read(state.ledger)).size;
    return { ...toOpened({ ...state, columns: null, fence }, null), table: state.table, files };
  }

  async ledger(): Promise<Map<string, FileIdentity>> {
    const now = await this.#state.read();
    return this.#state.ledger.read(now?.stored.state.ledger ?? []);
  }

  async attach(): Promise<void> {}

  async detach(): Promise<void> {}

  async load(epoch: EpochCommit, rows: ReadyRows): Promise<CommitResult> {
    await faultPoint('destination.load.before');
    requireAppend(epoch);
    const before = await this.#settled(epoch.fence);
    const earlier = decide(before ? rowOf(before.stored) : null, epoch);
    if (earlier) return earlier;
    const staged = await this.#bring(rows, epoch.columns, epoch.commitId, 'part-00000');
    await rows.gate?.(staged.rows);
    const result = await this.#commit('load', epoch, [staged]);
    await faultPoint('destination.load.after');
    return result;
  }

  async stage(request: StageRequest, rows: ReadyRows): Promise<StageToken> {
    await faultPoint('destination.stage.before');
    requireAppend(request);
    const { epoch, task, columns } = request;
    const commitId = `${this.#ctx.runId}/${this.#ctx.key.stream}/${epoch}`;
    const staged = await this.#bring(rows, columns, commitId, `part-${String(task).padStart(5, '0')}`);
    await faultPoint('destination.stage.after');
    return staged as unknown as StageToken;
  }

  async commit(epoch: EpochCommit, tokens: readonly StageToken[]): Promise<CommitResult> {
    await faultPoint('destination.commit.before');
    requireAppend(epoch);
    const result = await this.#commit('commit', epoch, tokens as unknown as Staged[]);
    await faultPoint('destination.commit.after');
    return result;
  }

  async abort(runId: string): Promise<void> {
    await faultPoint('destination.abort.before');
    // What the run has committed is finished, not taken back.
    const now = await this.#state.read();
    if (now?.stored.pending?.runId === runId) await this.#state.write(await this.#state.settle(now.stored), now.etag);
    await this.#store.giveUp(`${this.#place}/${stem(runId, this.#ctx.key.stream)}.`);
    await faultPoint('destination.abort.after');
  }

  quarantineGroups(): Promise<QuarantineGroup[]> {
    return quarantineGroups(this.#aside());
  }

  quarantined(filter: QuarantineFilter, page: { limit: number; offset: number }): Promise<QuarantinedRow[]> {
    return quarantinedRows(this.#aside(), filter, page);
  }

  /** The rows set aside: the data's own objects are not fetched. */
  #aside(): ReadDoor {
    return asideDoor(this.#ctx.key, (sql) => this.#look(sql, true));
  }

  query(sql: string): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }> {
    return this.#look(sql, false);
  }

  async #look(
    sql: string,
    asideOnly: boolean,
  ): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }> {
    const now = await this.#state.read();
    const { use, key, budget } = this.#ctx;
    const folder = await mkdtemp(join(tmpdir(), 'sluice-look-'));
    try {
      const commits = await fetchCommits(this.#files(), folder, asideOnly);
      const state = now ? { ...now.stored.state, fence: now.stored.fence } : null;
      const writer = (format: string): Promise<FormatWriter> => this.#writer.of(format);
      const { schema, table } = use;
      const ledger = () => this.ledger();
      return await queryFiles({ place: folder, commits, schema, table, key, budget, state, ledger, writer }, sql);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    this.#store.close();
  }

  #stateOf(key: StreamKey): StreamState {
    return new StreamState(this.#store, `${homeOf(this.#place)}/streams/${streamHash(key)}`);
  }

  /** The stream's state under a name that its job had before, unless it has commits under the new one. */
  async #renamed(renamedFrom: readonly string[]): Promise<{ state: StreamState; stored: Stored } | null> {
    if (renamedFrom.length === 0 || (await this.#state.read())?.stored.state.commitId != null) return null;
    for (const key of oldKeys(this.#ctx.key, renamedFrom)) {
      const state = this.#stateOf(key);
      const found = await state.read();
      if (found?.stored.state.commitId != null) return { state, stored: found.stored };
    }
    return null;
  }

  /** Writes rows into files of the task's own folder and brings them to the store, where nobody sees them. */
  async #bring(rows: ReadyRows, columns: readonly Column[], commitId: string, name: string): Promise<Staged> {
    const local = join(rows.engine.spool, `out-${randomUUID()}`);
    try {
      const written = await this.#writer.write(rows, columns, local, name);
      const wanted = written.rows > 0 ? [...written.files, ...written.aside] : written.aside;
      const uploads: Upload[] = [];
      const left = [...wanted];
      const one = async () => {
        for (let file = left.shift(); file; file = left.shift()) {
          const key = `${this.#folder(commitId)}/${file.path}`;
          uploads.push(await this.#store.upload(key, join(local, file.path), file.size));
        }
      };
      await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, one));
      return { rows: written.rows, uploads: uploads.sort((a, b) => (a.key < b.key ? -1 : 1)) };
    } finally {
      await rm(local, { recursive: true, force: true });
    }
  }

  #folder(commitId: string): string {
    const at = commitId.lastIndexOf('/');
    const [runId = '', stream = ''] = [commitId.slice(0, commitId.indexOf('/')), this.#ctx.key.stream];
    return `${this.#place}/${stem(runId, stream)}.${commitId.slice(at + 1)}`;
  }

  async #commit(step: 'load' | 'commit', epoch: EpochCommit, staged: readonly Staged[]): Promise<CommitResult> {
    if (epoch.columns.length > 0) this.#writer.check(epoch.columns);
    const now = await this.#settled(epoch.fence);
    const earlier = decide(now ? rowOf(now.stored) : null, epoch);
    if (earlier || !now) return earlier ?? { rows_written: 0, repeated: false };
    const before = now.stored.state;
    if (epoch.replays) await requireOpen(this.#aside(), epoch.replays);
    if (staged.length > 0) this.#writer.requireFormat(before.format, `${this.#store.bucket}/${this.#place}`, true);
    const uploads = staged.flatMap((token) => token.uploads);
    for (const upload of uploads)
      if (!(await this.#store.isWaiting(upload))) throw stagingLost(`The staged file ${upload.key} is gone`);
    const rows = staged.reduce((sum, token) => sum + token.rows, 0);
    const counts = { rows_written: rows, rows_inserted: rows };
    const segment = `${plainName(epoch.commitId.replaceAll('/', '.'), 120)}-${epoch.fence}`;
    const ledger = await this.#state.ledger.after(before.ledger, epoch, segment);
    const state = stateAfter(before, epoch, { counts, format: this.#writer.format, ledger, whole: false });
    const folder = this.#folder(epoch.commitId);
    const pending: Pending = { runId: this.#ctx.runId, folder, uploads, columns: epoch.columns, before };
    await faultPoint(`destination.${step}.inside`);
    await this.#decide(epoch, { fence: epoch.fence, state, pending: staged.length > 0 ? pending : null }, now.etag);
    await faultPoint(`destination.${step}.committed`);
    if (staged.length > 0) await this.#publish(state, pending);
    return { ...counts, repeated: false };
  }

  /** The state; what this fence has committed before is finished. */
  async #settled(fence: number): Promise<{ stored: Stored; etag: string } | null> {
    const now = await this.#state.read();
    if (!now?.stored.pending || now.stored.fence !== fence) return now;
    await this.#state.write(await this.#state.settle(now.stored), now.etag);
    return this.#state.read();
  }

  /** The write by which the commit takes place. */
  async #decide(epoch: EpochCommit, next: Stored, etag: string): Promise<void> {
    const written = await this.#state.write(next, etag).catch((error: unknown) => {
      throw unknown(error);
    });
    if (written) return;
    const now = await this.#state.read();
    decide(now ? rowOf(now.stored) : null, epoch);
    throw unknown(new Error('the state was written by another'));
  }

  /** From here on the next run finishes what this one cannot. */
  async #publish(state: FileState, pending: Pending): Promise<void> {
    const done = await this.#state.publish(state, pending).catch((error: unknown) => {
      throw unknown(error);
    });
    if (!done) throw stagingLost('What was staged was removed while it was committed');
    // Another attempt of a task may have left uploads of its own.
    await this.#store.giveUp(`${pending.folder}/`).catch(() => undefined);
    const now = await this.#state.read().catch(() => null);
    if (now?.stored.pending?.folder === pending.folder) await this.#finish({ ...now.stored, pending: null }, now.etag);
  }

  /** That nothing is pending any more is said where it can be; whoever comes next finds it out by itself. */
  async #finish(stored: Stored, etag: string): Promise<void> {
    await this.#state.write(stored, etag).catch(() => false);
  }

  async *#files(): AsyncIterable<{ path: string; fetch: (to: string) => Promise<void> }> {
    const prefix = `${this.#place}/`;
    for await (const { key } of this.#store.list(prefix))
      yield { path: key.slice(prefix.length), fetch: (to) => this.#store.fetch(key, to) };
  }
}

/** What folder names of a run's commits of a stream begin with. */
function stem(runId: string, stream: string): string {
  return `${plainName(runId, 60)}.${plainName(stream, 60)}`;
}

function prefixOf(path: unknown): string {
  const text = String(path ?? '').replace(/^\/+|\/+$/g, '');
  if (text !== '' && !/^\w+:\/\//.test(text)) return text;
  throw new SluiceError('destination/bad-path', 'config', `"${String(path)}" is no folder of a bucket.`, {
    hint: 'Give `path` a folder, such as lake/orders, and the bucket its own key.',
  });
}

/** Folder of states and ledgers, beside the data and hidden from readers. */
function homeOf(place: string): string {
  const at = place.lastIndexOf('/') + 1;
  return `${place.slice(0, at)}.${place.slice(at)}.sluice`;
}

function raised(stored: Stored): Stored {
  return { ...stored, fence: stored.fence + 1 };
}

function rowOf({ fence, state }: Stored) {
  return { ...state, columns: null, fence };
}

function unknown(error: unknown): SluiceError {
  return new SluiceError('commit/unknown', 'transient', `How the commit ended is not known: ${messageOf(error)}`, {
    cause: error,
    hint: 'The run opens the destination again and looks.',
  });
}
