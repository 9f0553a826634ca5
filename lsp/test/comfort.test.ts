import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { comfortTable, typeJobs } from './comfort.ts';

const docs = new URL('../../docs/editor-comfort.md', import.meta.url);
const TABLE = /(<!-- table -->\n)[\s\S]*(?=<!-- end -->)/;

it('completes four fifths of what eight jobs say in keys and known names, and docs/editor-comfort.md tells how it was', async () => {
  const typed = await typeJobs();
  expect(typed).toHaveLength(8);
  for (const { job, left } of typed) expect([job, left]).toEqual([job, []]);
  const sum = (of: (one: (typeof typed)[number]) => number): number => typed.reduce((all, one) => all + of(one), 0);
  expect(sum(({ completed }) => completed) / sum(({ known }) => known)).toBeGreaterThanOrEqual(0.8);
  const text = readFileSync(docs, 'utf8');
  const renewed = text.replace(TABLE, (_, head: string) => head + comfortTable(typed));
  if (process.env.UPDATE_FIXTURES) writeFileSync(docs, renewed);
  // The findings that pass are those of each half-written text: what they are may change with any rule.
  const shares = (page: string): string[] => [...page.matchAll(/^\| (\w+) \| (\d+ \| \d+) \|/gm)].map(String);
  expect(shares(readFileSync(docs, 'utf8'))).toEqual(shares(renewed));
});
