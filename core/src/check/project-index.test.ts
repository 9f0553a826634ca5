import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseDocument } from '../text/parse.ts';
import { createProject } from './project.ts';
import { buildIndex, type ProjectIndex } from './project-index.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const job = fc
  .record({ name, table: name, old: fc.option(name, { nil: undefined }), streams: fc.array(name, { maxLength: 2 }) })
  .map(({ name, table, old, streams }) =>
    [
      `name: ${name}`,
      ...(old ? [`renamed_from: [${old}]`] : []),
      'source:\n  type: local\n  path: x.csv',
      ...(streams.length > 0
        ? ['streams:', ...streams.map((stream) => `  - name: ${stream}`)]
        : [`destination:\n  type: duckdb\n  table: ${table}`]),
      '',
    ].join('\n'),
  );

/** Names of files in place of views, so that two indexes compare by what they hold. */
function plain(index: ProjectIndex) {
  const lists = <T>(map: ReadonlyMap<string, readonly T[]>, of: (value: T) => string) =>
    [...map].map(([key, list]) => [key, ...list.map(of)]).sort();
  return {
    byName: lists(index.byName, (view) => view.document.file),
    byOldName: lists(index.byOldName, (view) => view.document.file),
    byTable: lists(index.byTable, ({ view, name }) => `${view.document.file}/${name}`),
  };
}

it('an index that follows edits is the one that is built anew', () => {
  fc.assert(
    fc.property(
      fc.array(job, { minLength: 2, maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(), job), { maxLength: 8 }),
      (texts, edits) => {
        const config = parseDocument('version: 1\nname: p\n', 'sluice.yaml');
        let jobs = texts.map((text, i) => parseDocument(text, `jobs/${i}.yaml`));
        for (const [at, text] of edits) {
          jobs = jobs.map((old, i) => (i === at % jobs.length ? parseDocument(text, old.file) : old));
          const project = createProject({ config, jobs });
          const scope = project.scope();
          const fresh = buildIndex(jobs.map((document) => project.view(document, scope)));
          expect(plain(project.index(scope))).toEqual(plain(fresh));
        }
      },
    ),
    { seed: 38 },
  );
});
