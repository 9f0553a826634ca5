import { isHidden } from '../../model/columns.ts';

/** Names that a scan adds; a file's own column of that name gets another. */
const TAKEN = ['_file', '_row'];

/**
 * Makes names that a relation can hold beside each other: none empty, none twice (letter case aside), none of those that a scan
 * adds, none with the prefix of the engine's hidden columns, no surrounding space and no NUL. Other text is kept as it is.
 */
export function distinctNames(raw: readonly string[]): string[] {
  const bases = raw.map((text, i) => visible(clean(text)) || `column_${i + 1}`);
  const taken = new Set([...TAKEN, ...bases.map(key)]);
  const used = new Set<string>(TAKEN);
  return bases.map((base) => {
    let name = base;
    for (let n = 2; used.has(key(name)) || (name !== base && taken.has(key(name))); n++) name = `${base}_${n}`;
    used.add(key(name));
    return name;
  });
}

/** Names of a system's columns, which are distinct already: others for those that belong to a scan or the engine. */
export function freeNames(names: readonly string[]): string[] {
  return names.some((name) => TAKEN.includes(key(name)) || isHidden(name)) ? distinctNames(names) : [...names];
}

/** A hidden column would be left out of the rows. */
function visible(name: string): string {
  return isHidden(name) ? name.slice(1) : name;
}

/** No SQL can write a name with NUL. */
function clean(name: string): string {
  return name.replaceAll('\0', '').trim();
}

/** Two names are one column when they differ in letter case alone: relations tell no case apart. */
export function key(name: string): string {
  return name.toLowerCase();
}
