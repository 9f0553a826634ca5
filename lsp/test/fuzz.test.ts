import { readdirSync, readFileSync } from 'node:fs';
import { positionAt } from '@sluice/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Any, Client, folderWith } from './client.ts';

const EDITS = 250;
const PIECES = [
  '',
  '',
  ' ',
  '\n',
  '\r\n',
  '  - ',
  ': ',
  '{',
  '[',
  ']',
  '"',
  "'",
  '|-',
  '#',
  '${var:',
  '📦',
  'é',
  '*a',
  '&a ',
  'name: x',
  'id',
  '\t',
];

const fixtures = new URL('../../core/test/fixtures/', import.meta.url);
const project = readFileSync(new URL('project.yaml', fixtures), 'utf8');
const texts = ['valid', 'invalid'].flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, fixtures)).flatMap((name) =>
    name.endsWith('.yaml') ? [readFileSync(new URL(`${folder}/${name}`, fixtures), 'utf8')] : [],
  ),
);

/** Numbers that look random and are the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const clients: Client[] = [];
const { dir, uri } = folderWith({
  'sluice.yaml': project,
  'jobs/other.yaml': 'name: other\nsource: {type: local, path: a.csv}\n',
});
const at = uri('jobs/a.yaml');

beforeAll(async () => {
  for (let i = 0; i < 2; i++) {
    const client = new Client();
    clients.push(client);
    await client.start(dir, { textDocument: { diagnostic: {} } });
    // All jobs are known then: before, what only all of them can tell is not said.
    await client.request('workspace/symbol', { query: '' });
  }
});
afterAll(async () => {
  for (const client of clients) await client.stop();
});

it('edits one by one give what the whole text gives, and no request fails', async () => {
  const seed = Number(process.env.SLUICE_FUZZ_SEED ?? 7);
  const random = numbers(seed);
  const [piecewise, whole] = clients as [Client, Client];
  let text = texts[random(texts.length)]!;
  for (const client of clients) client.open(at, text);
  for (let version = 2; version < EDITS + 2; version++) {
    if (version % 25 === 0) {
      text = texts[random(texts.length)]!;
      piecewise.change(at, version, [{ text }]);
    } else {
      const start = boundary(text, random(text.length + 1));
      const end = boundary(text, Math.min(text.length, start + random(random(4) === 0 ? 40 : 4)));
      const put = PIECES[random(PIECES.length)]!;
      const range = { start: positionAt({ text }, start), end: positionAt({ text }, end) };
      text = text.slice(0, start) + put + text.slice(end);
      piecewise.change(at, version, [{ range, text: put }]);
    }
    whole.change(at, version, [{ text }]);
    const place = positionAt({ text }, boundary(text, random(text.length + 1)));
    // Before anybody asked for findings: over an earlier reading of the text.
    await piecewise.request('textDocument/completion', { textDocument: { uri: at }, position: place });
    const [a, b] = await Promise.all(clients.map((client) => answers(client, place)));
    expect(a, `seed ${seed}, edit ${version}`).toEqual(b);
  }
  expect(clients.map(({ stderr }) => stderr)).toEqual(['', '']);
});

/** Not between the halves of a line end or of a character. */
function boundary(text: string, offset: number): number {
  const code = text.charCodeAt(offset);
  const before = text.charCodeAt(offset - 1);
  const splits = (code === 10 && before === 13) || (code >= 0xdc00 && code <= 0xdfff);
  return splits ? offset - 1 : offset;
}

async function answers(client: Client, position: Any): Promise<Any> {
  const textDocument = { uri: at };
  const range = { start: position, end: position };
  const found = await client.request('textDocument/diagnostic', { textDocument });
  const others = await Promise.all([
    client.request('textDocument/completion', { textDocument, position }),
    client.request('textDocument/hover', { textDocument, position }),
    client.request('textDocument/definition', { textDocument, position }),
    client.request('textDocument/references', { textDocument, position, context: { includeDeclaration: true } }),
    client.request('textDocument/prepareRename', { textDocument, position }),
    client.request('textDocument/documentSymbol', { textDocument }),
    client.request('textDocument/foldingRange', { textDocument }),
    client.request('textDocument/documentLink', { textDocument }),
    client.request('textDocument/codeLens', { textDocument }),
    client.request('textDocument/codeAction', { textDocument, range, context: { diagnostics: [] } }),
    client.request('textDocument/inlayHint', {
      textDocument,
      range: { start: { line: 0, character: 0 }, end: { line: 999, character: 0 } },
    }),
  ]);
  return [found.items, ...others];
}
