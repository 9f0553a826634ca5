import picomatch from 'picomatch/posix.js';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { parseDuration } from '../../model/units.ts';

/** What `path`, `exclude`, `regex` and `min_age` ask for. */
export interface Selection {
  /** The path as it stands, where it is no pattern. */
  exact: string | null;
  /** What every wanted path begins with: as much of the pattern as stands for itself. */
  prefix: string;
  /** Everything wanted lies in the folder that `prefix` names, none in a folder below it. */
  flat: boolean;
  /** Whether a path is wanted by its name. */
  wants(path: string): boolean;
  /** Whether a file may be read now; one without a time may. */
  isSettled(modified: Date | null): boolean;
  /** Whether a folder (without a slash at its end) may hold what is wanted. */
  mayHold(folder: string): boolean;
}

/** Reads the settings of a source of files. Throws `source/pattern` where `regex` is none. */
export function selection(settings: JsonObject, now: number = Date.now()): Selection {
  const path = String(settings.path);
  const isGlob = picomatch.scan(path).isGlob;
  const wanted = isGlob ? picomatch(path) : (name: string) => name === path;
  const exclude = Array.isArray(settings.exclude) ? settings.exclude.map(String) : [];
  const unwanted = exclude.length > 0 ? picomatch(exclude) : () => false;
  const regex = typeof settings.regex === 'string' ? regexOf(settings.regex) : null;
  const age = parseDuration(String(settings.min_age ?? '0s')) ?? 0;
  const prefix = isGlob ? literalPrefix(path) : path;
  return {
    exact: isGlob ? null : path,
    prefix,
    flat: isGlob && !path.slice(prefix.lastIndexOf('/') + 1).includes('/') && !path.includes('**'),
    wants: (name) => wanted(name) && !unwanted(name) && (regex === null || regex.test(name)),
    // Without an age nothing waits, also where the other side's clock is ahead.
    isSettled: (modified) => modified === null || age === 0 || modified.getTime() <= now - age,
    mayHold: (folder) => mayHold(path, prefix, `${folder}/`),
  };
}

function regexOf(text: string): RegExp {
  try {
    return new RegExp(text, 'u');
  } catch (cause) {
    throw new SluiceError('source/pattern', 'config', `\`regex\` cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** A pattern up to its first sign that may stand for something else. */
function literalPrefix(pattern: string): string {
  const at = pattern.search(/[*?[\]{}()|\\]|[!@+](?=\()/);
  return pattern.startsWith('!') ? '' : at < 0 ? pattern : pattern.slice(0, at);
}

/** Folder by folder where the pattern allows it; across folders everything below its fixed part. */
function mayHold(pattern: string, prefix: string, folder: string): boolean {
  if (!folder.startsWith(prefix)) return prefix.startsWith(folder);
  if (pattern.includes('**') || /[{}()]/.test(pattern)) return true;
  const parts = pattern.split('/');
  const depth = folder.split('/').length - 1;
  if (depth >= parts.length) return false;
  return picomatch(parts.slice(0, depth).join('/'))(folder.slice(0, -1));
}
