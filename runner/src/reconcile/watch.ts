import { basename, relative, sep } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { sleep } from '../observe/repeat.ts';
import { gitFolder, isSwitching } from './git.ts';

/** Quiet that has to follow a change: editors save in several steps, and a switch of branches changes many files. */
const QUIET_MS = 300;
/** Files are looked at this often whatever the system tells: it may tell nothing of network drives. */
const ANYWAY_MS = 60_000;

/** Told of files that were written, made or removed, relative to the folder, with `/`; null: any may have been. */
export type OnChange = (files: ReadonlySet<string> | null) => void;

/**
 * Calls back when YAML files of a folder have changed and nothing changes any more, and when git is done with a switch of branches.
 * Resolves as soon as changes are seen.
 */
export async function watchFiles(folder: string, changed: OnChange, signal: AbortSignal): Promise<void> {
  const gitDir = await gitFolder(folder);
  const watcher = watch(folder, { ignored: isOther, ignoreInitial: true, followSymlinks: false });
  let timer: NodeJS.Timeout | null = null;
  let files: Set<string> | null = new Set();
  const settle = async () => {
    while (isSwitching(gitDir) && !signal.aborted) await sleep(QUIET_MS, signal);
    const known = files;
    files = new Set();
    if (!signal.aborted) changed(known);
  };
  const touched = (path: string | null) => {
    if (path === null) files = null;
    else files?.add(relative(folder, path).replaceAll(sep, '/'));
    if (timer) clearTimeout(timer);
    timer = setTimeout(() => void settle(), QUIET_MS);
  };
  watcher.on('all', (_, path) => touched(path));
  // What cannot be watched is looked at now and then.
  watcher.on('error', () => touched(null));
  const anyway = setInterval(() => touched(null), ANYWAY_MS);
  signal.addEventListener(
    'abort',
    () => {
      if (timer) clearTimeout(timer);
      clearInterval(anyway);
      void watcher.close();
    },
    { once: true },
  );
  await ready(watcher, signal);
}

function ready(watcher: FSWatcher, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    watcher.once('ready', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** What holds no job files: hidden folders, packages, files that are no YAML. */
function isOther(path: string, stats?: { isFile(): boolean }): boolean {
  const name = basename(path);
  if (name === 'node_modules' || (name.startsWith('.') && name.length > 1)) return true;
  return stats?.isFile() === true && !/\.ya?ml$/i.test(name);
}
