import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Completion, complete, parseDocument, plainSnippet } from '../src/index.ts';
import { applyEdits, fixtures, folder, openFixture } from './language-fixtures.ts';

/** How many labels a fixture shows at most. */
const SHOWN = 16;

/** The text once an item is accepted: lines after the first follow the indentation of the caret's line, as editors do it. */
function accept(text: string, item: Completion): string[] {
  const lineStart = text.lastIndexOf('\n', item.range.start - 1) + 1;
  const lead = /^[ \t]*/.exec(text.slice(lineStart))?.[0] ?? '';
  const put = plainSnippet(item.insert).replaceAll('\n', `\n${lead}`);
  return applyEdits(text, [{ range: item.range, text: put }]).split('\n');
}

describe('completion', () => {
  it.each(fixtures('complete'))('%s', async (name) => {
    const { fixture, context, offset } = openFixture(name);
    const { items } = await complete(context, offset);
    const taken = fixture.take === undefined ? items[0] : items.find((item) => item.label === fixture.take);
    const actual = {
      labels: items.slice(0, SHOWN).map((item) => item.label),
      text: taken ? accept(context.document.text, taken) : null,
    };
    if (process.env.UPDATE_FIXTURES) {
      writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify({ ...fixture, expect: actual }, null, 2)}\n`);
    }
    const { expect: wanted } = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
    // Further items may stand between: what there is grows with every component.
    const labels = items.map((item) => item.label);
    expect(labels.filter((label) => wanted.labels.includes(label))).toEqual(wanted.labels);
    expect(actual.text).toEqual(wanted.text);
    // Whatever is accepted is YAML, if what was there is.
    const broken = (text: string) => parseDocument(text, 'jobs/job.yaml').broken;
    if (broken(context.document.text)) return;
    for (const item of items.slice(0, 100))
      expect([item.label, broken(accept(context.document.text, item).join('\n'))]).toEqual([item.label, false]);
  });
});
