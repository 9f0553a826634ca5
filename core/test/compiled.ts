import { createProject } from '../src/check/project.ts';
import { compile } from '../src/compile/compile.ts';
import type { Job } from '../src/model/job.ts';
import { parseDocument } from '../src/text/parse.ts';

/** What the language makes of a job file in a project of one `sluice.yaml` and that file. */
export function compileText(config: string, text: string, file = 'jobs/a.yaml'): ReturnType<typeof compile> {
  const document = parseDocument(text, file);
  const project = createProject({ config: parseDocument(config, 'sluice.yaml'), jobs: [document], name: 'shop' });
  return compile(document, project);
}

/** The same of a file that has to be right. */
export function jobOf(config: string, text: string, file?: string): Job {
  const { job, diagnostics } = compileText(config, text, file);
  if (!job) throw new Error(`${text}: ${JSON.stringify(diagnostics)}`);
  return job;
}
