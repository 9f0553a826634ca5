import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { complete, createProject, documentSymbols, type LanguageContext, parseDocument } from '../src/index.ts';

/** Jobs of the examples, each with the sluice.yaml of its project. */
const examples = new URL('../../examples/', import.meta.url);
const jobs = readdirSync(examples, { recursive: true, encoding: 'utf8' })
  .filter((path) => /^[\w-]+\/jobs\/.*\.yaml$/.test(path) && !path.includes('node_modules'))
  .sort();

function contextOf(path: string, text: string): LanguageContext {
  const config = readFileSync(new URL(`${path.slice(0, path.indexOf('/'))}/sluice.yaml`, examples), 'utf8');
  const document = parseDocument(text, 'jobs/a.yaml');
  const project = createProject({ config: parseDocument(config, 'sluice.yaml'), jobs: [document] });
  return { document, project, scope: project.scope(), host: { now: () => 0 } };
}

/** How a text may be written too. */
const WAYS: Readonly<Record<string, (text: string) => string>> = {
  'as it stands': (text) => text,
  'with Windows line ends and an emoji above': (text) => `# 📦 日本\n${text}`.replaceAll('\n', '\r\n'),
};

describe.each(Object.keys(WAYS))('a job that is being written, %s', (way) => {
  it.each(jobs)('%s', async (path) => {
    const text = WAYS[way]!(readFileSync(new URL(path, examples), 'utf8'));
    const missed: string[] = [];
    // Text of several lines is the author's.
    const blocks = [...text.matchAll(/^( *)(?:- )?[\w-]+: [|>][-+]?\r?\n(?:\1 +.*\r?\n|\r?\n)*/gm)];
    const isText = (at: number): boolean =>
      blocks.some(({ index, 0: { length } }) => at > index && at < index + length);
    // What an API calls its parameters only its author knows.
    const isOwn = (at: number): boolean => /^ *params:\s*$/m.test(text.slice(0, at).trimEnd().split('\n').at(-1) ?? '');
    for (const { index, 0: lead, 1: key = '' } of text.matchAll(/^(?: |- )*([a-z_]+)(?=:(?:\s|$))/gm)) {
      const at = index + lead.length - key.length;
      if (isText(at) || isOwn(at)) continue;
      const { items } = await complete(contextOf(path, text.slice(0, at + 1)), at + 1);
      if (!items.some(({ label }) => label === key)) missed.push(`${text.slice(0, at).split('\n').length}: ${key}`);
    }
    expect(missed).toEqual([]);
    // Every 13th prefix: none throws, and what was written can be found.
    for (let length = 0; length < text.length; length += 13) {
      const context = contextOf(path, text.slice(0, length));
      await complete(context, length);
      const isBegun = /^\w+:\s/m.test(text.slice(0, length));
      if (isBegun) expect([length, documentSymbols(context).length > 0]).toEqual([length, true]);
    }
  });
});
