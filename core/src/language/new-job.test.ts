import { describe, expect, it } from 'vitest';
import { check } from '../check/check.ts';
import { createProject } from '../check/project.ts';
import { sources } from '../specs.ts';
import { parseDocument } from '../text/parse.ts';
import { newJobText, sourceChoices } from './new-job.ts';

const faults = (text: string, config = 'version: 1\n') => {
  const document = parseDocument(text, 'jobs/a.yaml');
  const project = createProject({ config: parseDocument(config, 'sluice.yaml'), jobs: [document] });
  return check(document, project).filter(({ severity }) => severity === 'error');
};

describe('the text of a new job', () => {
  it.each(Object.keys(sources))('of %s has no fault', (type) => {
    const text = newJobText({ name: 'a', type, connection: null, settings: null });
    const unknown = /^ {2}connection: (\w+)/m.exec(text ?? '')?.[1];
    expect(unknown).toBeUndefined();
    expect(faults(text ?? '').map(({ code, path }) => [code, path])).toEqual([]);
  });

  it('leaves to a connection what is the connection’s, and takes what a listing gives', () => {
    const config = 'version: 1\nconnections:\n  lake:\n    type: s3\n    bucket: acme-lake\n';
    const plain = newJobText({ name: 'a', type: 's3', connection: 'lake', settings: null })!;
    expect(plain).toBe(
      'name: a\nsource:\n  type: s3\n  connection: lake\n  path: orders/**/*.csv\ndestination:\n  type: duckdb\n  table: a\n',
    );
    const listed = newJobText({ name: 'a', type: 's3', connection: 'lake', settings: { path: 'a: b/*.csv' } })!;
    expect(listed).toContain('  path: "a: b/*.csv"\n');
    expect([...faults(plain, config), ...faults(listed, config)]).toEqual([]);
    expect(newJobText({ name: 'a', type: 'none', connection: null, settings: null })).toBeNull();
    expect(sourceChoices().map(({ type }) => type)).toEqual(Object.keys(sources));
  });
});
