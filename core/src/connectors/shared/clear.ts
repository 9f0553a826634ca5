import picomatch from 'picomatch/posix.js';
import type { Split, TaskLog } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import type { FileIdentity } from '../../model/run.ts';
import type { AfterLoad } from '../../spec/after-load.ts';

/** What clearing away needs from where files lie. Paths are the job's own, with `/`; errors may be of any kind. */
export interface Clearing {
  /** The file as it is now; null where it is gone. */
  look(path: string): Promise<FileIdentity | null>;
  remove(file: FileIdentity): Promise<void>;
  /**
   * Moves a file; folders are made. Nothing is overwritten: false where the name is taken. A move that was done in part before
   * is finished.
   */
  move(file: FileIdentity, to: string): Promise<boolean>;
}

/** `after_load` of a source's settings; null where files stay. */
export function afterLoadOf(settings: JsonObject): AfterLoad | null {
  const written = settings.after_load as AfterLoad | undefined;
  return written === undefined || 'keep' in written ? null : written;
}

/** Whether a path lies in the folder that loaded files go to: nothing is read from there. */
export function isCleared(settings: JsonObject, path: string): boolean {
  const written = afterLoadOf(settings);
  return written !== null && 'move' in written && path.startsWith(`${folderOf(written.move)}/`);
}

/**
 * Does with loaded files what the job says; may be repeated. Where one had to be left, because it has changed since or the
 * system refuses, that is a warning: its rows are committed.
 */
export async function clearAway(
  splits: readonly Split[],
  settings: JsonObject,
  clearing: Clearing,
  log: TaskLog,
): Promise<void> {
  const afterLoad = afterLoadOf(settings);
  if (afterLoad === null) return;
  const { base } = picomatch.scan(String(settings.path));
  for (const { file } of splits) {
    if (!file) continue;
    const left = await clear(file, afterLoad, base, clearing);
    if (left !== null) log('warn', left);
  }
}

async function clear(file: FileIdentity, afterLoad: AfterLoad, base: string, from: Clearing): Promise<string | null> {
  try {
    const found = await from.look(file.path);
    if (found === null) return null;
    if (!isSame(file, found)) return `${file.path} has changed since it was loaded, so that it stays where it is`;
    if ('delete' in afterLoad) await from.remove(found);
    else if ('move' in afterLoad) {
      const wanted = `${folderOf(afterLoad.move)}/${belowBase(file.path, base)}`;
      for (let n = 0; !(await from.move(found, numbered(wanted, found.modified_at, n))); n++);
    }
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = error instanceof SluiceError ? message : (code ?? message);
    return `${file.path} is loaded and could not be cleared away (${why}); the next run tries again`;
  }
}

/** What is not known of one of the two tells nothing. */
function isSame(a: FileIdentity, b: FileIdentity): boolean {
  if (a.size !== b.size) return false;
  if (a.etag !== null && b.etag !== null) return a.etag === b.etag;
  return a.modified_at === null || b.modified_at === null || a.modified_at === b.modified_at;
}

/** The path below the fixed part of the pattern; of an absolute path the name. */
function belowBase(path: string, base: string): string {
  const below = base !== '' && path.startsWith(`${base}/`) ? path.slice(base.length + 1) : path;
  return below.startsWith('/') ? below.slice(below.lastIndexOf('/') + 1) : below;
}

/** The name, or where it was taken the name with the file's time, and a number if need be. */
function numbered(wanted: string, time: string | null, n: number): string {
  if (n === 0) return wanted;
  const dot = wanted.lastIndexOf('.');
  const at = dot > wanted.lastIndexOf('/') + 1 ? dot : wanted.length;
  const stamp = (time ?? '').replace(/[-:]|\.\d+/g, '');
  const parts = [
    wanted.slice(0, at),
    ...(stamp === '' ? [] : [stamp]),
    ...(n === 1 && stamp !== '' ? [] : [String(n)]),
  ];
  return `${parts.join('-')}${wanted.slice(at)}`;
}

function folderOf(written: string): string {
  return written.replace(/^(?:\.\/)+|\/+$/g, '');
}
