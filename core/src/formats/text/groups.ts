import { SluiceError } from '../../model/error.ts';

/** An expression without the names of its groups, and those names by the groups' numbers; null: a group without one. */
export interface Groups {
  plain: string;
  names: (string | null)[];
}

/** A class of characters by its name, within brackets. */
const LETTERS = /^\[:\^?\w+:\]/;
const NAMED = /^\(\?P?<([A-Za-z_]\w*)>/;

/**
 * Takes the groups of an RE2 expression apart (https://github.com/google/re2/wiki/Syntax). Throws `format/regex` where none has
 * a name, or two have the same.
 */
export function groupsOf(regex: string): Groups {
  const names: (string | null)[] = [];
  let plain = '';
  let inClass = false;
  for (let at = 0; at < regex.length; ) {
    const rest = regex.slice(at);
    const named = inClass ? null : NAMED.exec(rest);
    let taken = regex[at] ?? '';
    if (rest.startsWith('\\Q')) taken = rest.slice(0, endOfLiteral(rest));
    else if (taken === '\\') taken = rest.slice(0, 2);
    else if (inClass && LETTERS.test(rest)) taken = LETTERS.exec(rest)?.[0] ?? taken;
    else if (inClass) inClass = taken !== ']';
    else if (taken === '[') {
      inClass = true;
      // A bracket that comes first stands for itself.
      taken = /^\[\^?\]?/.exec(rest)?.[0] ?? taken;
    } else if (named) names.push(named[1] ?? null);
    else if (taken === '(' && regex[at + 1] !== '?') names.push(null);
    plain += named && taken === '(' ? '(' : taken;
    at += named && taken === '(' ? named[0].length : taken.length;
  }
  const known = names.filter((name) => name !== null);
  const twice = known.find((name, i) => known.findIndex((other) => other.toLowerCase() === name.toLowerCase()) !== i);
  if (known.length === 0) throw wrong('it has no named group', 'Name the groups that are to be columns: `(?<name>…)`.');
  if (twice !== undefined) throw wrong(`two groups are named ${twice}`, 'Give each group a name of its own.');
  return { plain, names };
}

function endOfLiteral(text: string): number {
  const end = text.indexOf('\\E');
  return end < 0 ? text.length : end + 2;
}

/** An error of the setting itself. */
export function wrong(reason: string, hint: string): SluiceError {
  return new SluiceError('format/regex', 'config', `The regex of format text cannot be used: ${reason}`, { hint });
}
