/** Number of single edits (insert, delete, replace, swap of neighbours) between two words; stops counting beyond `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    if (Math.min(...row) > limit) return limit + 1;
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** The known word that a written one most likely means, or undefined where none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const limit = word.length <= 3 ? 1 : word.length <= 7 ? 2 : 3;
  const plain = fold(word);
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of known) {
    const distance = fold(candidate) === plain ? 0 : editDistance(word.toLowerCase(), candidate.toLowerCase(), limit);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** What a written word means here: another tool's word for one of ours, else one that is spelled alike. */
export function meant(
  word: string,
  known: readonly string[],
  synonyms: Readonly<Record<string, string>> | undefined,
): string | undefined {
  const plain = word.toLowerCase().replaceAll('-', '_');
  const synonym = synonyms && Object.hasOwn(synonyms, plain) ? synonyms[plain] : undefined;
  return synonym !== undefined && known.includes(synonym) ? synonym : nearest(word, known);
}

function fold(word: string): string {
  return word.toLowerCase().replace(/[-_\s]/g, '');
}

/** `a`, `b` or `c` in backquotes, cut short where there are many. */
export function listWords(words: readonly string[], most = 12): string {
  const shown = words.slice(0, most).map((word) => `\`${word}\``);
  const more = words.length > most ? ' …' : '';
  return shown.length > 1 && !more ? `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}` : shown.join(', ') + more;
}
