import { describe, expect, it } from 'vitest';
import { renderFrame } from './frame.ts';

function marked(text: string, word: string): { line: string; carets: string } {
  const start = text.indexOf(word);
  const [line = '', carets = ''] = renderFrame({ text }, { start, end: start + word.length }).split('\n');
  return { line, carets };
}

/** Columns of a terminal, for the characters of these tests. */
const columns = (text: string) =>
  [...text].reduce((sum, ch) => sum + (/[\u4e00-\u9fff]|\p{Emoji_Presentation}/u.test(ch) ? 2 : 1), 0);

describe('renderFrame', () => {
  it.each(['a: typ', '  - {label: "📦📦 nightly", typ: csv}', '说明: "漢字", typ: 1'])(
    'puts the carets under the word: %s',
    (text) => {
      const { line, carets } = marked(text, 'typ');
      expect(carets.indexOf('^')).toBe(columns(line.slice(0, line.indexOf('typ'))));
      expect(carets.trim().replace('| ', '').trim()).toBe('^^^');
    },
  );

  it('keeps tabs, so that the carets stand right whatever their width', () => {
    expect(marked('\ta:\ttyp', 'typ').carets).toBe('     | \t  \t^^^');
  });

  it('shows one caret for an empty range and only the first line of a long one', () => {
    expect(renderFrame({ text: 'key: s3cr # x' }, { start: 5, end: 9 }, true)).toBe(
      '   1 | key: **** # x\n     |      ^^^^',
    );
    expect(renderFrame({ text: 'a:\nb' }, { start: 2, end: 2 })).toBe('   1 | a:\n     |   ^');
    expect(renderFrame({ text: 'ab\ncd' }, { start: 0, end: 5 })).toBe('   1 | ab\n     | ^^');
  });

  it('shows the part of a long line around what is marked', () => {
    const { line, carets } = marked(`${'a'.repeat(5000)}typ📦${'📦'.repeat(2000)}`, 'typ');
    expect([...line].length).toBeLessThan(180);
    expect(line).toMatch(/^ +1 \| …a+typ(?:📦)+…$/u);
    expect(carets.indexOf('^')).toBe(line.indexOf('typ'));
    expect(marked(`typ${'a'.repeat(5000)}`, 'typ').carets).toBe('     | ^^^');
  });
});
