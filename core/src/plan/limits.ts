import { kept } from './effect.ts';
import type { Change } from './types.ts';

const FILE = 'sluice.yaml';

/** What differs in how many runs may go on at a time. */
export function limitChanges(
  now: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
): Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  const differing = names.filter((name) => now[name] !== before[name]);
  if (differing.length === 0) return [];
  const fields = differing.map((name) => {
    return { path: pathOf(name), old: before[name] ?? null, new: now[name] ?? null };
  });
  const effects = differing.map((name) => kept('runs', text(name, now[name], before[name])));
  return [{ address: FILE, action: 'update', file: FILE, fields, effects, reason: `${FILE} changed` }];
}

function pathOf(name: string): string {
  const [kind, ...rest] = name.split(':');
  return `concurrency.${kind === 'tag' ? 'tags' : 'connections'}.${rest.join(':')}`;
}

function text(name: string, now: number | undefined, before: number | undefined): string {
  const [kind, ...rest] = name.split(':');
  const what = `the ${kind} ${rest.join(':')}`;
  if (now === undefined) return `runs of ${what} are not limited any more`;
  const more = before === undefined ? '' : ` (${before} before)`;
  return `at most ${now} ${now === 1 ? 'run' : 'runs'} of ${what} at a time${more}; those that go on are left alone`;
}
