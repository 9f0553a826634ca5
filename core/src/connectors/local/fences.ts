import { mkdir, readdir, readlink, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../model/error.ts';
import type { Column } from '../../model/type.ts';
import { isMissing, orNull, readJson, syncPath, writeJson } from '../shared/files/disk.ts';
import { COMMIT_FILE } from '../shared/files/names.ts';
import type { FileState } from '../shared/files/state.ts';

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
  readonly #place: string;

  /** `folder` is the stream's own, `place` the path of the data. */
  constructor(folder: string, place: string) {
    this.folder = folder;
    this.#place = place;
  }

  path(fence: number, ...parts: string[]): string {
    return join(this.folder, `fence-${fence}`, ...parts);
  }

  /** Takes the next number, above `least`; no one else gets it. */
  async mint(least: number): Promise<number> {
    await mkdir(this.folder, { recursive: true });
    for (let least_ = least; ; ) {
      const fence = Math.max(least_, ...(await this.#numbers()).map((n) => n.fence)) + 1;
      try {
        await mkdir(this.path(fence));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        continue;
      }
      // A number may have been free because its holder was revoked and removed since the folder was read.
      const newest = Math.max(...(await this.#numbers()).map((n) => n.fence));
      if (newest === fence) return fence;
      await rm(this.path(fence), { recursive: true, force: true });
      least_ = newest;
    }
  }

  /** Takes their right to commit from all holders below a fence. */
  async revoke(below: number): Promise<void> {
    for (const { kind, fence } of await this.#numbers())
      if (kind === 'fence' && fence < below)
        await orNull(rename(this.path(fence), join(this.folder, `revoked-${fence}`)));
    await syncPath(this.folder);
  }

  /** Writes down who holds the fence and what it found; what older holders left goes. */
  async hold(fence: number, held: Held): Promise<void> {
    await writeJson(this.path(fence, 'base.json'), held);
    await syncPath(this.folder);
    for (const { kind, fence: old } of await this.#numbers())
      if (old < fence) await rm(join(this.folder, `${kind}-${old}`), { recursive: true, force: true });
  }

  /** The state after the last commit, with the fence that was the newest then; null where the stream never ran. */
  async current(): Promise<{ fence: number; runId: string; state: FileState } | null> {
    for (const { kind, fence } of await this.#numbers()) {
      const folder = join(this.folder, `${kind}-${fence}`);
      const held = await readJson<Held>(join(folder, 'base.json'));
      if (held === null) continue;
      const done = await readJson<FileState>(join(folder, 'done.json'));
      const pending = done ? null : await readJson<Pending>(join(folder, 'pending.json'));
      const state = done ?? (pending && (await this.#took(pending)) ? pending.state : held.state);
      return { fence, runId: held.runId, state };
    }
    return null;
  }

  async #took(pending: Pending): Promise<boolean> {
    if (pending.version !== null && (await this.linked()) !== pending.version) return false;
    const commit = await readJson<{ commit_id: string }>(join(this.#place, pending.folder, COMMIT_FILE));
    return commit?.commit_id === pending.state.commitId;
  }

  /** What the data's path links to; null where it is no link or is not there. */
  linked(): Promise<string | null> {
    return readlink(this.#place).catch((error) => {
      if (isMissing(error) || error.code === 'EINVAL') return null;
      throw error;
    });
  }

  /** Takes back what a run that holds a fence had not committed; returns its version that no one will see. */
  async discard(runId: string): Promise<string[]> {
    const versions: string[] = [];
    for (const { kind, fence } of await this.#numbers()) {
      const folder = join(this.folder, `${kind}-${fence}`);
      const held = await readJson<Held>(join(folder, 'base.json'));
      if (held?.runId !== runId) continue;
      const pending = await readJson<Pending>(join(folder, 'pending.json'));
      for (const name of ['out', 'link']) await rm(join(folder, name), { recursive: true, force: true });
      if (pending?.version && (await orNull(stat(join(folder, 'done.json')))) === null && !(await this.#took(pending)))
        versions.push(pending.version);
    }
    return versions;
  }

  /** Puts something into the holder's folder, from where alone it can be committed. Throws commit/fenced. */
  async lay(from: string, fence: number, name: string): Promise<void> {
    await this.asHolder(fence, () => rename(from, this.path(fence, name)));
  }

  /** Throws commit/fenced where what `work` works on was renamed away by a newer holder. */
  async asHolder<T>(fence: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isMissing(error) || (await orNull(stat(this.path(fence)))) !== null) throw error;
      throw fenced(fence);
    }
  }

  /** Newest first. */
  async #numbers(): Promise<{ kind: string; fence: number }[]> {
    const names = (await orNull(readdir(this.folder))) ?? [];
    return names
      .flatMap((name) => {
        const match = NUMBERED.exec(name);
        return match ? [{ kind: match[1] ?? '', fence: Number(match[2]) }] : [];
      })
      .sort((a, b) => b.fence - a.fence);
  }
}

export function fenced(fence: number): SluiceError {
  return new SluiceError(
    'commit/fenced',
    'terminal',
    `Another run has taken over this stream in the destination (fence ${fence} here is revoked); nothing was committed.`,
    { hint: 'Nothing is lost: the other run carries on from the last commit.' },
  );
}
