/**
 * A name in snake_case, by these rules in order:
 * 1. Accents are taken off (`é` e, `ß` ss, `ø` o, `æ` ae); letters of other scripts stay.
 * 2. A capital behind a small letter or a digit, and the last capital of several before a small letter, begins a word:
 *    `orderId`, `HTTPStatus`, `line2Total` → order_id, http_status, line2_total.
 * 3. Whatever is no letter and no digit stands between words; words are joined by one `_` and written small.
 * 4. `_` is put before a digit at the beginning; a name without letters and digits is `column`.
 */
export function snakeCase(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[ßøØæÆœŒđĐłŁ]/g, (letter) => SPECIAL[letter] ?? letter);
  const words = plain
    .replace(/([\p{Ll}\p{N}])(?=\p{Lu})/gu, '$1_')
    .replace(/(\p{Lu})(?=\p{Lu}\p{Ll})/gu, '$1_')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
  const snake = words.join('_').toLowerCase();
  if (snake === '') return 'column';
  return /^\p{N}/u.test(snake) ? `_${snake}` : snake;
}

const SPECIAL: Readonly<Record<string, string>> = {
  ß: 'ss',
  ø: 'o',
  Ø: 'O',
  æ: 'ae',
  Æ: 'Ae',
  œ: 'oe',
  Œ: 'Oe',
  đ: 'd',
  Đ: 'D',
  ł: 'l',
  Ł: 'L',
};
