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
  return near(word, known, 'name');
}

/** Whether a word is a name that somebody chose, or one of the language's own. */
type Of = 'name' | 'word';

function near(word: string, known: Iterable<string>, of: Of): string | undefined {
  const words = [...known];
  const plain = fold(word);
  const longer = plain.length < SHORTENED ? [] : words.filter((other) => fold(other).startsWith(plain));
  return spelledAlike(word, words, of) ?? (longer.length === 1 ? longer[0] : undefined);
}

function spelledAlike(word: string, known: readonly string[], of: Of): string | undefined {
  const plain = fold(word);
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const other = fold(candidate);
    const distance = slips(plain, other, of);
    if (distance === undefined) continue;
    if (distance < least || (distance === least && best !== undefined && begins(plain, other, fold(best)))) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Letters from which on a word may be a longer one that was cut short. */
const SHORTENED = 4;
/** Letters from which on a word is hardly another one. */
const LONG = 7;

/**
 * How many slips of the hand lie between two words; undefined where they are too many for words of this length. Few people miss the
 * first letter, and another letter makes another word of the language's short ones.
 */
function slips(word: string, other: string, of: Of): number | undefined {
  const length = Math.max(word.length, other.length);
  const limit = length <= 5 ? 1 : length <= 7 ? 2 : 3;
  const distance = editDistance(word, other, limit);
  if (distance > limit) return undefined;
  const isFirst = word[0] !== other[0];
  const isReplaced =
    distance === 1 && word.length === other.length && [...word].sort().join() !== [...other].sort().join();
  if (isReplaced && ((length <= 3 && of === 'word') || (length <= 5 && isFirst))) return undefined;
  return distance > 1 && isFirst && length < 8 ? undefined : distance;
}

/** Of words that are equally far it is the one that begins more like what was written. */
function begins(word: string, candidate: string, best: string): boolean {
  const shared = (other: string): number => {
    let i = 0;
    while (i < word.length && word[i] === other[i]) i++;
    return i;
  };
  return shared(candidate) > shared(best);
}

/** What a written word means here: another tool's word for one of ours, else one of both that is spelled alike. */
export function meant(
  word: string,
  known: readonly string[],
  synonyms: Readonly<Record<string, string>> | undefined,
): string | undefined {
  const plain = word.toLowerCase().replaceAll('-', '_');
  const synonym = synonyms && Object.hasOwn(synonyms, plain) ? synonyms[plain] : undefined;
  if (synonym !== undefined && known.includes(synonym)) return synonym;
  const alike = near(word, known, 'word');
  // Another tool's word that is misspelt too is believed where it is long enough to be no other one.
  if (alike !== undefined || !synonyms || word.length < LONG) return alike;
  const other = spelledAlike(word, Object.keys(synonyms), 'word');
  return other !== undefined && known.includes(synonyms[other]!) ? synonyms[other] : undefined;
}

function fold(word: string): string {
  const plain = word.toLowerCase().replace(/[-_\s]/g, '');
  return /^[!-~]*$/.test(plain) ? plain : alike(plain);
}

const OTHER_SCRIPTS: Readonly<Record<string, string>> = {
  ...{ а: 'a', с: 'c', е: 'e', һ: 'h', і: 'i', ј: 'j', к: 'k', м: 'm', о: 'o', р: 'p', ѕ: 's', т: 't', у: 'y', х: 'x' },
  ...{ α: 'a', ι: 'i', κ: 'k', ν: 'v', ο: 'o', ρ: 'p', υ: 'u' },
};

/** The letters that a reader takes those of other scripts for. */
function alike(word: string): string {
  return word.normalize('NFKC').replace(/./gu, (letter) => OTHER_SCRIPTS[letter] ?? letter);
}

/** Says which letters of a word only look like those of another; empty where none do. */
export function lookAlikes(word: string, meaning: string): string {
  if (word.toLowerCase() === meaning || alike(word.toLowerCase()) !== meaning) return '';
  const [other] = [...word].filter((letter) => letter > '~');
  const code = (other?.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return other === undefined ? '' : ` Its \`${other}\` is U+${code}, a letter that looks like another.`;
}

/** `a`, `b` or `c` in backquotes, cut short where there are many. */
export function listWords(words: readonly string[], most = 12): string {
  const shown = words.slice(0, most).map((word) => `\`${word}\``);
  const more = words.length > most ? ' …' : '';
  return shown.length > 1 && !more ? `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}` : shown.join(', ') + more;
}
