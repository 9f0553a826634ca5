import picomatch from 'picomatch/posix.js';

/** Whether a path (with `/`) matches one of some patterns; names that begin with a dot match like others. */
export function globMatcher(patterns: readonly string[]): (path: string) => boolean {
  return picomatch([...patterns], { dot: true });
}

/** The part of a pattern before its first wildcard: the folder that everything it matches is in; '' where there is none. */
export function globBase(pattern: string): string {
  const { base } = picomatch.scan(pattern);
  return base === '.' ? '' : base;
}
