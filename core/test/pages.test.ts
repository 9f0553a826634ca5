import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { check, createProject, type Document, formatYaml, parseDocument } from '../src/index.ts';

/** The job language as its page shows it, and every YAML block of this repository's pages. */

const language = new URL('./fixtures/page/', import.meta.url);
const root = new URL('../../', import.meta.url);

function findings(documents: readonly Document[]) {
  const config = documents.find((document) => document.file === 'sluice.yaml') ?? null;
  const jobs = documents.filter((document) => document !== config);
  const project = createProject({ config, jobs });
  return documents.flatMap((document) =>
    [...check(document, project), ...document.diagnostics].map(
      ({ code, message }) => `${document.file}: ${code}: ${message}`,
    ),
  );
}

it('the language page’s project and jobs have no finding', () => {
  const documents = readdirSync(language).map((file) =>
    parseDocument(readFileSync(new URL(file, language), 'utf8'), file),
  );
  expect(findings(documents)).toEqual([]);
});

it('every key of a job stands in a job without a finding', () => {
  const folder = new URL('./fixtures/keys/', import.meta.url);
  const files = ['sluice.yaml', ...readdirSync(new URL('jobs/', folder)).map((file) => `jobs/${file}`)];
  const documents = files.map((file) => parseDocument(readFileSync(new URL(file, folder), 'utf8'), file));
  expect(findings(documents)).toEqual([]);
  const written = new Set(
    documents
      .slice(1)
      .flatMap(({ root }) => (root?.kind === 'map' ? root.entries : []))
      .map(({ key }) => key.source),
  );
  const schema = JSON.parse(readFileSync(new URL('schemas/job.schema.json', root), 'utf8')) as { properties: object };
  expect(Object.keys(schema.properties).filter((key) => !written.has(key))).toEqual([]);
});

it.each(readdirSync(language))('%s is laid out already', (file) => {
  const text = readFileSync(new URL(file, language), 'utf8');
  expect(formatYaml(text)).toBe(text);
});

/** Markdown pages of the repository, node_modules passed over. */
function pages(folder: URL): URL[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith('.') || ['node_modules', 'dist'].includes(entry.name)) return [];
    const url = new URL(`${entry.name}${entry.isDirectory() ? '/' : ''}`, folder);
    if (entry.isDirectory()) return pages(url);
    return entry.name.endsWith('.md') && existsSync(url) ? [url] : [];
  });
}

describe('YAML blocks of the pages', () => {
  const blocks = pages(root).flatMap((page) => {
    const text = readFileSync(page, 'utf8');
    const name = page.pathname.slice(root.pathname.length);
    return [...text.matchAll(/^```ya?ml\n(.*?)^```/gms)].map((match, i): [string, string] => [
      `${name} ${i + 1}`,
      match[1]!,
    ]);
  });

  it.each(blocks)('%s', (name, text) => {
    const isReference = /^schemas\/reference\//.test(name);
    const isProject = /^version: 1$/m.test(text) && /^name:/m.test(text);
    const isJob = /^(?:source|streams):/m.test(text) && /^name:/m.test(text);
    // The examples of a reference page are parts of a job, and are checked as such where the components are; other pages also show
    // files of other tools.
    if (isReference) expect(parseDocument(text, name).diagnostics).toEqual([]);
    if (isProject || isJob) expect(findings([parseDocument(text, isProject ? 'sluice.yaml' : 'job.yaml')])).toEqual([]);
  });
});
