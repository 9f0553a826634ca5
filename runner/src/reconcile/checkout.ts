import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SluiceError } from '@sluice/core';
import { type Revision, revisionOf } from '../repo/revision.ts';
import { git } from './git.ts';
import { type OnChange, watchFiles } from './watch.ts';

/** Where a daemon's files come from. */
export interface Checkout {
  /** `folder@host` or `repo@ref`. */
  name: string;
  /** Folder with the files. */
  folder: string;
  /** A git revision: nobody may write to it. */
  readOnly: boolean;
  /** Brings the files up to date where they come from elsewhere. Throws `repo/git`. */
  update(signal: AbortSignal): Promise<void>;
  revision(): Promise<Revision>;
  /** Calls back when files may have changed, until the signal ends it. */
  watch(changed: OnChange, signal: AbortSignal): Promise<void>;
}

/** The files of a folder as they are; changes show as they are saved. */
export function folderCheckout(folder: string): Checkout {
  return {
    name: `${folder}@${hostname()}`,
    folder,
    readOnly: false,
    update: async () => undefined,
    revision: () => revisionOf(folder),
    watch: (changed, signal) => watchFiles(folder, changed, signal),
  };
}

/**
 * A revision of a repository (any remote that git knows), kept in `folder` and asked for every `pollMs`. Throws `repo/ref` where the ref
 * could be taken for an option of git's.
 */
export function repoCheckout(
  { url, ref, pollMs }: { url: string; ref: string; pollMs: number },
  folder: string,
): Checkout {
  if (!/^[\w][\w./@{}^~+-]*$/.test(ref) || url.startsWith('-')) {
    throw new SluiceError('repo/ref', 'config', `${ref} of ${withoutPassword(url)} is no name of a revision`, {
      hint: 'Name a branch, a tag or a commit with --ref.',
    });
  }
  return {
    name: `${withoutPassword(url)}@${ref}`,
    folder,
    readOnly: true,
    async update(signal) {
      // Said to git, since it looks for a repository in the folders above: the checkout may lie in another one's.
      const at = [`--git-dir=${join(folder, '.git')}`, `--work-tree=${folder}`];
      if (!existsSync(join(folder, '.git'))) await git(['init', '--quiet', folder], { signal });
      await git([...at, 'fetch', '--quiet', '--force', '--no-tags', '--', url, ref], { signal });
      const wanted = (await git([...at, 'rev-parse', 'FETCH_HEAD^{commit}'], { signal })).trim();
      const now = await git([...at, 'rev-parse', '--verify', '--quiet', 'HEAD'], { signal }).catch(() => '');
      if (now.trim() === wanted) return;
      await git([...at, 'checkout', '--quiet', '--force', '--detach', wanted], { signal });
    },
    revision: () => revisionOf(folder),
    async watch(changed, signal) {
      const timer = setInterval(() => changed(null), pollMs);
      signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    },
  };
}

/** Folder of a repository's checkout within the daemon's own. */
export function checkoutFolder(base: string): string {
  return join(base, '.sluice', 'checkout');
}

function withoutPassword(url: string): string {
  return url.replace(/^([a-z][\w+.-]*:\/\/)[^@/]*@/i, '$1');
}
