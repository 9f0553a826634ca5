/** Names that a scan adds; a file's own column of that name gets another. */
const TAKEN = ['_file', '_row'];

/**
 * Makes names that a relation can hold beside each other: none empty, none twice (letter case aside), no surrounding
 * space. Other text is kept as it is.
 */
export function distinctNames(raw: readonly string[]): string[] {
  const taken = new Set([...TAKEN, ...raw.map((name) => key(clean(name)))]);
  const used = new Set<string>(TAKEN);
  return raw.map((text, i) => {
    const base = clean(text) || `column_${i + 1}`;
    let name = base;
    for (let n = 2; used.has(key(name)) || (name !== base && taken.has(key(name))); n++) name = `${base}_${n}`;
    used.add(key(name));
    return name;
  });
}

function clean(name: string): string {
  return name.trim();
}

/** Two names are one column when they differ in letter case alone: relations tell no case apart. */
export function key(name: string): string {
  return name.toLowerCase();
}
