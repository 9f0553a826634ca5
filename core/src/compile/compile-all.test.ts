import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createProject } from '../check/project.ts';
import { LateDocument } from '../text/late.ts';
import type { Document } from '../text/node.ts';
import { parseDocument } from '../text/parse.ts';
import { compile, compileAll } from './compile.ts';

const CONFIG = 'version: 1\nname: p\ndefaults:\n  - set:\n      tags: [all]\n      retries:\n        max: 2\n';
const name = fc.constantFrom('a', 'b', 'c', 'd');

/** Job files that depend on, replace the tables of and take the names of each other, some of them broken. */
const file = fc
  .record({
    name,
    table: name,
    depends: fc.array(name, { maxLength: 2 }),
    old: fc.option(name, { nil: undefined }),
    disposition: fc.constantFrom('append', 'replace', 'unknown'),
    streams: fc.array(name, { maxLength: 2 }),
    tail: fc.constantFrom('', '', '', 'schedule: {cron: "x"}\n', 'columns: [\n', '- 1\n'),
  })
  .map(({ name, table, depends, old, disposition, streams, tail }) =>
    [
      `name: ${name}`,
      `depends_on: [${depends.join(', ')}]`,
      ...(old ? [`renamed_from: [${old}]`] : []),
      'source:\n  type: local\n  path: x.csv',
      `destination:\n  type: duckdb\n  write_disposition: ${disposition}`,
      ...(streams.length > 0 ? ['streams:', ...streams.map((one) => `  - name: ${one}`)] : [`  table: ${table}`]),
      tail,
    ].join('\n'),
  );

it('gives of all files what each one gives, also of files that let go of their trees and were edited since', () => {
  fc.assert(
    fc.property(
      fc.array(file, { minLength: 1, maxLength: 5 }),
      fc.array(fc.tuple(fc.nat(), file), { maxLength: 4 }),
      (texts, edits) => {
        const config = parseDocument(CONFIG, 'sluice.yaml');
        let late: Document[] = texts.map((text, i) => new LateDocument(text, `jobs/${i}.yaml`));
        for (const edit of [null, ...edits]) {
          if (edit)
            late = late.map((old, i) => (i === edit[0] % late.length ? new LateDocument(edit[1], old.file) : old));
          const whole = late.map((document) => parseDocument(document.text, document.file));
          const project = createProject({ config: parseDocument(CONFIG, 'sluice.yaml'), jobs: whole });
          const all = compileAll(createProject({ config, jobs: late }));
          expect(all.map(({ document, ...compiled }) => compiled)).toEqual(
            whole.map((document) => compile(document, project)),
          );
          for (const [i, { document }] of all.entries()) expect(document.root).toEqual(whole[i]?.root);
        }
      },
    ),
    { seed: 21, numRuns: 60 },
  );
});

it('is parsed when it is first asked about, and once more after it rested', () => {
  const document = new LateDocument('name: [\n', 'a.yaml');
  expect([document.broken, document.diagnostics.map(({ code }) => code)]).toEqual([true, ['yaml/syntax']]);
  const { diagnostics, root } = document;
  expect(document.root).toBe(root);
  document.rest();
  expect(document.diagnostics).toBe(diagnostics);
  expect(document.root).toEqual(root);
  expect(document.root).not.toBe(root);
});
