import { SluiceError } from '../../../model/error.ts';
import type { Column } from '../../../model/type.ts';
import { type Disk, isMissing, readJson, writeJson } from './disk.ts';
import { COMMIT_FILE } from './names.ts';
import type { FileState } from './state.ts';

/** A commit that is about to take place, written down before the rename that does it. */
export interface Pending {
  state: FileState;
  /** Where its folder will be, below the data's path; `version` where the link is to be swapped to a new version. */
  folder: string;
  version: string | null;
  /** Columns of its files. */
  columns: Column[];
}

interface Held {
  runId: string;
  state: FileState;
}

const NUMBERED = /^(fence|revoked)-(\d+)$/;

/**
 * The fence of one stream on disk. Each holder has a folder `fence-<n>`, and its commit is a rename out of that folder; a
 * newer holder renames the folder away before it looks what was committed. So a rename of an older holder either came before
 * that look or fails, whatever lock it lost and however long it slept.
 */
export class Fences {
  readonly folder: string;
  readonly #disk: Disk;
  readonly #place: string;

  /** `folder` is the stream's own, `place` the path of the data. */
  constructor(disk: Disk, folder: string, place: string) {
    this.#disk = disk;
    this.folder = folder;
    this.#place = place;
  }

  path(fence: number, ...parts: string[]): string {
    return this.#disk.paths.join(this.folder, `fence-${fence}`, ...parts);
  }

  /** Takes the next number, above `least`; no one else gets it. */
  async mint(least: number): Promise<number> {
    await this.#disk.mkdir(this.folder);
    for (let above = least; ; ) {
      const fence = Math.max(above, ...(await this.#numbers()).map((n) => n.fence)) + 1;
      if (!(await this.#disk.makeNew(this.path(fence)))) continue;
      // A number may have been free because its holder was revoked and removed since the folder was read.
      const newest = Math.max(...(await this.#numbers()).map((n) => n.fence));
      if (newest === fence) return fence;
      await this.#disk.remove(this.path(fence));
      above = newest;
    }
  }

  /** Takes their right to commit from all holders below a fence. */
  async revoke(below: number): Promise<void> {
    for (const { kind, fence } of await this.#numbers())
      if (kind === 'fence' && fence < below)
        await this.#disk.rename(this.path(fence), this.#disk.paths.join(this.folder, `revoked-${fence}`)).catch(gone);
    await this.#disk.syncNames(this.folder);
  }

  /** Writes down who holds the fence and what it found; what older holders left goes. */
  async hold(fence: number, held: Held): Promise<void> {
    await this.asHolder(fence, () => writeJson(this.#disk, this.path(fence, 'base.json'), held));
    await this.#disk.syncNames(this.folder);
    for (const { kind, fence: old } of await this.#numbers())
      if (old < fence) await this.#disk.remove(this.#disk.paths.join(this.folder, `${kind}-${old}`));
  }

  /** The state after the last commit, with the fence that was the newest then; null where the stream never ran. */
  async current(): Promise<{ fence: number; runId: string; state: FileState } | null> {
    for (const { kind, fence } of await this.#numbers()) {
      const folder = this.#disk.paths.join(this.folder, `${kind}-${fence}`);
      const held = await readJson<Held>(this.#disk, this.#disk.paths.join(folder, 'base.json'));
      if (held === null) continue;
      const done = await readJson<FileState>(this.#disk, this.#disk.paths.join(folder, 'done.json'));
      const pending = done ? null : await readJson<Pending>(this.#disk, this.#disk.paths.join(folder, 'pending.json'));
      const state = done ?? (pending && (await this.#took(pending)) ? pending.state : held.state);
      return { fence, runId: held.runId, state };
    }
    return null;
  }

  async #took(pending: Pending): Promise<boolean> {
    if (pending.version !== null && (await this.linked()) !== pending.version) return false;
    const commit = await readJson<{ commit_id: string }>(
      this.#disk,
      this.#disk.paths.join(this.#place, pending.folder, COMMIT_FILE),
    );
    return commit?.commit_id === pending.state.commitId;
  }

  /** What the data's path links to; null where it is no link or is not there. */
  async linked(): Promise<string | null> {
    return (await this.#disk.links?.read(this.#place)) ?? null;
  }

  /** Takes back what a run that holds a fence had not committed; returns its version that no one will see. */
  async discard(runId: string): Promise<string[]> {
    const versions: string[] = [];
    for (const { kind, fence } of await this.#numbers()) {
      const folder = this.#disk.paths.join(this.folder, `${kind}-${fence}`);
      const held = await readJson<Held>(this.#disk, this.#disk.paths.join(folder, 'base.json'));
      if (held?.runId !== runId) continue;
      const pending = await readJson<Pending>(this.#disk, this.#disk.paths.join(folder, 'pending.json'));
      for (const name of ['out', 'link']) await this.#disk.remove(this.#disk.paths.join(folder, name));
      const isDone = (await this.#disk.look(this.#disk.paths.join(folder, 'done.json'))) !== null;
      if (pending?.version && !isDone && !(await this.#took(pending))) versions.push(pending.version);
    }
    return versions;
  }

  /** Puts something into the holder's folder, from where alone it can be committed. Throws commit/fenced. */
  async lay(from: string, fence: number, name: string): Promise<void> {
    await this.asHolder(fence, () => this.#disk.rename(from, this.path(fence, name)));
  }

  /** Throws commit/fenced where what `work` works on was renamed away by a newer holder. */
  async asHolder<T>(fence: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isMissing(error) || (await this.#disk.look(this.path(fence))) !== null) throw error;
      throw fenced(fence);
    }
  }

  /** Newest first. */
  async #numbers(): Promise<{ kind: string; fence: number }[]> {
    return (await this.#disk.names(this.folder))
      .flatMap((name) => {
        const match = NUMBERED.exec(name);
        return match ? [{ kind: match[1] ?? '', fence: Number(match[2]) }] : [];
      })
      .sort((a, b) => b.fence - a.fence);
  }
}

/** Somebody else has moved it away. */
function gone(error: unknown): void {
  if (!isMissing(error)) throw error;
}

function fenced(fence: number): SluiceError {
  return new SluiceError(
    'commit/fenced',
    'terminal',
    `Another run has taken over this stream in the destination (fence ${fence} here is revoked); nothing was committed.`,
    { hint: 'Nothing is lost: the other run carries on from the last commit.' },
  );
}
