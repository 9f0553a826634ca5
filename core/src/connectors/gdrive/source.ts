import { mkdir, rename, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { drive_v3 } from '@googleapis/drive';
import type {
  Discovered,
  LocalFile,
  Source,
  SourceContext,
  SourceSession,
  Split,
  SplitsRequest,
} from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import type { FileIdentity } from '../../model/run.ts';
import { afterLoadOf, isCleared } from '../shared/clear.ts';
import { groupFiles } from '../shared/discover.ts';
import { download, localFile, spoolPath } from '../shared/download.ts';
import { type Selection, selection } from '../shared/select.ts';
import { clearDrive, FOLDER, nameOf, type Place } from './clear.ts';
import { type DriveSettings, explainGoogle, Google, mayPass } from './client.ts';
import { writeSheet } from './sheet.ts';

const SHEET = 'application/vnd.google-apps.spreadsheet';
const SHORTCUT = 'application/vnd.google-apps.shortcut';
const NATIVE = 'application/vnd.google-apps.';
const FILE_FIELDS = 'id,name,mimeType,size,md5Checksum,modifiedTime,parents,shortcutDetails(targetId,targetMimeType)';
const FILES_AT_ONCE = 4;
const DEPTH = 40;
const DISCOVER_FILES = 1000;
/** A spreadsheet in the spool. */
const CSV = { delimiter: ',', quote: '"', escape: '"', header: 'true', null_values: [''] };

type DriveFile = drive_v3.Schema$File;

export const source: Source = {
  async connect(ctx) {
    return new DriveSession(ctx);
  },
  async discover(ctx): Promise<Discovered[]> {
    return new DriveSession(ctx).discover();
  },
};

class DriveSession implements SourceSession {
  readonly transfers = FILES_AT_ONCE;
  readonly clears: boolean;
  readonly #ctx: SourceContext;
  readonly #settings: DriveSettings;
  #google: Promise<Google> | null = null;
  #position: JsonObject | null = null;
  /** A file was handed out: a glance lists no further folder. */
  #hasFile = false;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as unknown as DriveSettings;
    this.clears = afterLoadOf(ctx.settings) !== null;
  }

  #open(): Promise<Google> {
    this.#google ??= Google.open(this.#settings, this.#ctx, this.clears);
    return this.#google;
  }

  /** What every call says of shared drives. */
  get #shared() {
    return { supportsAllDrives: true, includeItemsFromAllDrives: true };
  }

  async test(): Promise<void> {
    const { file_id: id } = this.#settings;
    if (id !== undefined) await this.#file(id);
    else await this.#file(this.#root());
  }

  #root(): string {
    const { folder_id: folder, drive_id: drive } = this.#settings;
    const id = folder ?? drive;
    if (id !== undefined && /^[\w-]+$/.test(id)) return id;
    if (id !== undefined) {
      throw new SluiceError('source/settings', 'config', `${id} is no id of a folder`, {
        hint: 'An id is the end of the address of the folder, not the whole of it.',
      });
    }
    throw new SluiceError('source/settings', 'config', 'There is neither `file_id` nor `folder_id` nor `drive_id`', {
      hint: 'Write the id of the folder, which is the end of its address.',
    });
  }

  async #file(id: string): Promise<DriveFile> {
    const google = await this.#open();
    const { data } = await google.call(id, (options) =>
      google.drive.files.get({ fileId: id, fields: FILE_FIELDS, supportsAllDrives: true }, options),
    );
    return data;
  }

  async *splits(request: SplitsRequest): AsyncIterable<Split> {
    const { file_id: id } = this.#settings;
    const { path } = this.#settings;
    if (id !== undefined) {
      const file = await this.#file(id);
      const place = { item: id, parent: file.parents?.[0] ?? '', name: nameOf(file) };
      const split = this.#splitOf(file, nameOf(file), 0, place);
      if (split) yield split;
      return;
    }
    if (path === undefined) {
      throw new SluiceError('source/settings', 'config', '`path` is missing', {
        hint: 'Write a pattern of files below the folder, such as `path: "*.csv"`, or `file_id`.',
      });
    }
    const root = this.#root();
    // A glance commits nothing, so that no later listing begins from it.
    const token = this.#ctx.glance ? '' : await this.#token();
    // What could not be cleared away is tried again, also where nothing changed.
    if (!this.clears && (await this.#isUnchanged(request, root))) return;
    const wanted = selection(this.#ctx.settings);
    let waits = false;
    let ordinal = 0;
    for await (const [name, file, place] of this.#walk(root, '', wanted, 0)) {
      // What tells equal names apart is no part of what the pattern means.
      if (!wanted.wants(place.name) || isCleared(this.#ctx.settings, place.name)) continue;
      const split = this.#splitOf(file, name, ordinal, place);
      if (!split) continue;
      if (wanted.isSettled(new Date(file.modifiedTime ?? 0))) {
        ordinal++;
        this.#hasFile = true;
        yield split;
      } else waits = true;
    }
    // A file that waits does not change again: the feed would not tell of it.
    this.#position = waits ? null : { page_token: token, of: this.#scope(root) };
  }

  position(): JsonObject | null {
    return this.#position;
  }

  /** What a place in the feed of changes is good for: another pattern wants a new listing. */
  #scope(root: string): string {
    const { path, exclude, regex } = this.#ctx.settings;
    return JSON.stringify([root, path, exclude ?? null, regex ?? null]);
  }

  async #token(): Promise<string> {
    const google = await this.#open();
    const { drive_id: driveId } = this.#settings;
    const { data } = await google.call('changes', (options) =>
      google.drive.changes.getStartPageToken({ supportsAllDrives: true, ...(driveId ? { driveId } : {}) }, options),
    );
    return data.startPageToken ?? '';
  }

  /** Whether the feed says that nothing happened since the last commit, of which the ledger has all files. */
  async #isUnchanged({ incremental, checkpoint }: SplitsRequest, root: string): Promise<boolean> {
    const stored = checkpoint?.source as { page_token?: unknown; of?: unknown } | undefined;
    if (incremental.type !== 'files' || typeof stored?.page_token !== 'string' || stored.page_token === '')
      return false;
    if (stored.of !== this.#scope(root)) return false;
    const pageToken = stored.page_token;
    const google = await this.#open();
    const { drive_id: driveId } = this.#settings;
    const drive = driveId ? { driveId } : {};
    try {
      const { data } = await google.call('changes', (options) =>
        google.drive.changes.list(
          {
            pageToken,
            pageSize: 1,
            fields: 'nextPageToken,newStartPageToken,changes(fileId)',
            ...this.#shared,
            ...drive,
          },
          options,
        ),
      );
      return (data.changes ?? []).length === 0 && !data.nextPageToken;
    } catch (error) {
      // A place in the feed does not stay good for ever.
      if (error instanceof SluiceError && /missing|failed/.test(error.code)) return false;
      throw error;
    }
  }

  async *#walk(
    folder: string,
    prefix: string,
    wanted: Selection,
    depth: number,
  ): AsyncIterable<[string, DriveFile, Place]> {
    const seen = new Set<string>();
    for await (const file of this.#children(folder)) {
      const name = prefix + nameOf(file);
      // Two files of one name are told apart by their ids, the first in Drive's order aside.
      const path = seen.has(name) ? `${name}#${file.id}` : name;
      seen.add(name);
      if (file.mimeType === FOLDER) {
        const isEnough = this.#ctx.glance === true && this.#hasFile;
        if (depth < DEPTH && !isEnough && wanted.mayHold(name))
          yield* this.#walk(file.id ?? '', `${name}/`, wanted, depth + 1);
        continue;
      }
      yield [path, await this.#target(file), { item: file.id ?? '', parent: folder, name }];
    }
  }

  /** The file that a shortcut leads to, which keeps the shortcut's name. */
  async #target(file: DriveFile): Promise<DriveFile> {
    const { targetId, targetMimeType } = file.shortcutDetails ?? {};
    if (file.mimeType !== SHORTCUT || !targetId || targetMimeType === FOLDER) return file;
    return this.#file(targetId);
  }

  async *#children(folder: string): AsyncIterable<DriveFile> {
    yield* this.#list(`'${folder}' in parents and trashed = false`);
  }

  async *#list(q: string): AsyncIterable<DriveFile> {
    const google = await this.#open();
    const { drive_id: driveId } = this.#settings;
    const corpus = driveId ? { corpora: 'drive', driveId } : { corpora: 'allDrives' };
    let pageToken: string | undefined;
    for (;;) {
      const { data } = await google.call('the folder', (options) =>
        google.drive.files.list(
          {
            q,
            pageSize: 1000,
            // Always the same order, so that of two equal names the same one is first; a glance takes one page, of the newest.
            orderBy: this.#ctx.glance ? 'createdTime desc' : 'createdTime',
            fields: `nextPageToken,incompleteSearch,files(${FILE_FIELDS})`,
            ...this.#shared,
            ...corpus,
            ...(pageToken ? { pageToken } : {}),
          },
          options,
        ),
      );
      if (data.incompleteSearch) {
        throw new SluiceError(
          'source/listing',
          'transient',
          'Google did not search all drives: the listing is not whole',
          {
            hint: 'Write `drive_id`, or run again.',
          },
        );
      }
      yield* data.files ?? [];
      if (!data.nextPageToken || this.#ctx.glance) return;
      pageToken = data.nextPageToken;
    }
  }

  /** Another sheet or range of a spreadsheet is another file to the ledger. */
  #splitOf(file: DriveFile, name: string, ordinal: number, place: Place): Split | null {
    const { sheet, range } = this.#sheetSettings;
    const part = [sheet, range].filter((word) => typeof word === 'string').join('!');
    const path = file.mimeType === SHEET && part !== '' ? `${name}!${part}` : name;
    const split = splitOf(file, path, ordinal);
    return split && { ...split, detail: { ...split.detail, ...place } };
  }

  get #sheetSettings(): JsonObject {
    return this.#ctx.format?.type === 'sheets' ? this.#ctx.format.settings : {};
  }

  async fetch(split: Split, spool: string): Promise<LocalFile> {
    const { id, mime } = split.detail;
    return mime === SHEET ? this.#sheet(split, String(id), spool) : this.#download(split, String(id), spool);
  }

  async #download(split: Split, id: string, spool: string): Promise<LocalFile> {
    const google = await this.#open();
    const path = split.file?.path ?? '';
    return download({
      split,
      spool,
      signal: this.#ctx.signal,
      came: this.#ctx.came,
      read: (from) => bytesOf(google, id, from, this.#ctx.signal),
      explain: (error) => explainGoogle(error, path, google.email, { path }),
      again: mayPass,
    });
  }

  async #sheet(split: Split, id: string, spool: string): Promise<LocalFile> {
    const google = await this.#open();
    const settings = this.#sheetSettings;
    const path = spoolPath(split, spool);
    const known = await stat(path).catch(() => null);
    const name = split.file?.path ?? '';
    const size = known?.size ?? (await this.#written(google, split, id, path, settings, name));
    return { ...localFile(split, path, size), format: { type: 'csv', settings: CSV } };
  }

  async #written(google: Google, split: Split, id: string, path: string, settings: JsonObject, name: string) {
    await mkdir(`${path}.d`, { recursive: true });
    const size = await writeSheet(google, id, name, `${path}.d/sheet`, settings);
    const { modifiedTime } = await this.#file(id);
    if (modifiedTime !== split.file?.modified_at) {
      throw new SluiceError('source/changed', 'transient', `${name} changed while it was read`, {
        where: { path: name },
        hint: 'Run again; `min_age` holds back what is being written.',
      });
    }
    await rename(`${path}.d/sheet`, path);
    return size;
  }

  async discover(): Promise<Discovered[]> {
    const folders = new Map<string, { path: string; size: number }[]>();
    let count = 0;
    for await (const file of this.#list(`trashed = false and mimeType != '${FOLDER}'`)) {
      const [parent] = file.parents ?? [];
      if (parent === undefined || !splitOf(file, nameOf(file), 0)) continue;
      const files = folders.get(parent) ?? [];
      files.push({ path: nameOf(file), size: Number(file.size ?? 0) });
      folders.set(parent, files);
      if (++count >= DISCOVER_FILES) break;
    }
    return [...folders].flatMap(([folder_id, files]) =>
      groupFiles(files).map((found) => ({ ...found, settings: { folder_id, ...found.settings } })),
    );
  }

  async committed(splits: readonly Split[]): Promise<void> {
    if (!this.clears || splits.length === 0) return;
    const { file_id: only } = this.#settings;
    const root = only === undefined ? this.#root() : String(splits[0]?.detail.parent ?? '');
    const look = async ({ detail }: Split): Promise<FileIdentity> =>
      identityOf(await this.#file(String(detail.id)), '');
    await clearDrive(await this.#open(), root, this.#ctx.settings, splits, look, this.#ctx.log);
  }

  async close(): Promise<void> {}
}

/** null for what holds no rows: documents of Google's own that are no spreadsheets, and folders. */
function splitOf(file: DriveFile, path: string, ordinal: number): Split | null {
  const mime = file.mimeType ?? '';
  if (mime.startsWith(NATIVE) && mime !== SHEET) return null;
  const identity = identityOf(file, path);
  return { ordinal, bytes: mime === SHEET ? null : identity.size, file: identity, detail: { id: file.id ?? '', mime } };
}

function identityOf(file: DriveFile, path: string): FileIdentity {
  const size = file.mimeType === SHEET ? 0 : Number(file.size ?? 0);
  return { path, size, modified_at: file.modifiedTime ?? null, etag: file.md5Checksum ?? null };
}

async function* bytesOf(google: Google, fileId: string, from: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const headers = from > 0 ? { Range: `bytes=${from}-` } : {};
  const answer = await google.drive.files.get(
    { fileId, alt: 'media', supportsAllDrives: true },
    { responseType: 'stream', headers, signal, retry: false },
  );
  if (from > 0 && answer.status !== 206) throw new Error('the rest of the file was not to be had');
  yield* answer.data as unknown as Readable as AsyncIterable<Uint8Array>;
}
