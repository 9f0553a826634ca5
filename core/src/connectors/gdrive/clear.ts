import type { drive_v3 } from '@googleapis/drive';
import type { Split, TaskLog } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import type { FileIdentity } from '../../model/run.ts';
import { clearAway } from '../shared/clear.ts';
import type { Google } from './client.ts';

type DriveFile = drive_v3.Schema$File;

export const FOLDER = 'application/vnd.google-apps.folder';
const ITEM_FIELDS = 'id,name,parents,trashed';

/** Where an item of Drive lies, as a split carries it. */
export interface Place {
  /** What lies in the folder: of a shortcut itself, not what it leads to. */
  item: string;
  /** Id of the folder; empty where it is not to be seen. */
  parent: string;
  /** Path below the source's folder, without what tells two equal names or a part of a spreadsheet apart. */
  name: string;
}

/** Names in paths: a slash is a part of a name in Drive. */
export function nameOf(file: DriveFile): string {
  return (file.name ?? file.id ?? '').replaceAll('/', '%2F');
}

/** Does with loaded files what `after_load` says, by their ids: to the trash, or into a folder below `root`. */
export async function clearDrive(
  google: Google,
  root: string,
  settings: JsonObject,
  splits: readonly Split[],
  look: (split: Split) => Promise<FileIdentity>,
  log: TaskLog,
): Promise<void> {
  const drive = new Clearing(google, root);
  // Two files may have one name: each is cleared away by itself.
  for (const split of splits) {
    const { item, parent, name } = split.detail as unknown as Place;
    if (!split.file) continue;
    const named = { ...split, file: { ...split.file, path: name } };
    let found: DriveFile | null = null;
    await clearAway(
      [named],
      settings,
      {
        look: async () => {
          found = await drive.item(item, parent);
          return found && { ...(await look(split)), path: name };
        },
        remove: () => drive.trash(item, name),
        move: (_file, to) => drive.move({ item, parent, name }, found, to),
      },
      log,
    );
  }
}

class Clearing {
  readonly #google: Google;
  readonly #root: string;
  readonly #folders = new Map<string, Promise<string>>();

  constructor(google: Google, root: string) {
    this.#google = google;
    this.#root = root;
  }

  /** The item where it lay when it was listed; null where it is gone from there. */
  async item(fileId: string, parent: string): Promise<DriveFile | null> {
    try {
      const { data } = await this.#google.call(fileId, (options) =>
        this.#google.drive.files.get({ fileId, fields: ITEM_FIELDS, supportsAllDrives: true }, options),
      );
      return data.trashed || !(data.parents ?? []).includes(parent) ? null : data;
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'source/missing') return null;
      throw error;
    }
  }

  async trash(fileId: string, name: string): Promise<void> {
    await this.#google.call(name, (options) =>
      this.#google.drive.files.update({ fileId, requestBody: { trashed: true }, supportsAllDrives: true }, options),
    );
  }

  async move({ item: fileId, parent, name }: Place, found: DriveFile | null, to: string): Promise<boolean> {
    const slash = to.lastIndexOf('/');
    const folder = await this.#folder(to.slice(0, slash));
    const wanted = to.slice(slash + 1).replaceAll('%2F', '/');
    if ((await this.#named(folder, wanted)).length > 0) return false;
    const renamed = wanted === found?.name ? {} : { requestBody: { name: wanted } };
    const where = { addParents: folder, removeParents: parent, supportsAllDrives: true };
    await this.#google.call(name, (options) =>
      this.#google.drive.files.update({ fileId, ...where, ...renamed }, options),
    );
    return true;
  }

  /** Id of a folder below the root, which is made where it is missing. */
  #folder(path: string): Promise<string> {
    let known = this.#folders.get(path);
    if (!known) {
      known = this.#makeFolder(path);
      this.#folders.set(path, known);
    }
    return known;
  }

  async #makeFolder(path: string): Promise<string> {
    if (path === '') return this.#root;
    const slash = path.lastIndexOf('/');
    const parent = await this.#folder(path.slice(0, Math.max(0, slash)));
    const name = path.slice(slash + 1).replaceAll('%2F', '/');
    const there = (await this.#named(parent, name)).find((file) => file.mimeType === FOLDER);
    if (there?.id) return there.id;
    const { data } = await this.#google.call(path, (options) =>
      this.#google.drive.files.create(
        { requestBody: { name, mimeType: FOLDER, parents: [parent] }, fields: 'id', supportsAllDrives: true },
        options,
      ),
    );
    return data.id ?? '';
  }

  async #named(parent: string, name: string): Promise<DriveFile[]> {
    const quoted = name.replace(/[\\']/g, '\\$&');
    const q = `'${parent}' in parents and name = '${quoted}' and trashed = false`;
    const { data } = await this.#google.call(name, (options) =>
      this.#google.drive.files.list(
        {
          q,
          fields: 'files(id,mimeType)',
          corpora: 'allDrives',
          supportsAllDrives: true,
          includeItemsFromAllDrives: true,
        },
        options,
      ),
    );
    return data.files ?? [];
  }
}
