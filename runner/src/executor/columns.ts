import {
  type ColumnRecord,
  compile,
  type Document,
  formatType,
  type Job,
  type JsonObject,
  mergedJob,
  type Project,
  parseDocument,
  type RecordKeys,
  readable,
  recordKeys,
  resolveReferences,
  SluiceError,
  stepsHash,
  writeYaml,
} from '@sluice/core';
import { sources } from '@sluice/core/specs';
import { valuesFor } from '../repo/values.ts';
import { infer } from './preview.ts';

/** Memory of one look at a source. */
const MEMORY = 512_000_000;

interface LookRequest {
  projectDir: string;
  project: Project;
  /** The job file as it is now, saved or not; it may be half written. */
  document: Document;
  env: Record<string, string>;
  /** null: the first one. */
  stream: string | null;
  /** Whether sources that do not lie on this machine may be asked. */
  remote: boolean;
}

/**
 * Reads names and types of the columns of a stream's own source, and what its steps make of them. Only its `source`,
 * `columns` and `transform` have to be right, and the last two only as far as they are of use.
 * Throws `columns/invalid`, `columns/remote`, and what `infer` throws.
 */
export async function lookAtColumns(
  request: LookRequest,
  signal: AbortSignal,
): Promise<{ keys: RecordKeys; record: ColumnRecord }> {
  const { project, document, projectDir, env } = request;
  const scope = project.scope();
  const view = project.view(readable(document), scope);
  const index = request.stream === null ? 0 : view.streams.findIndex(({ name }) => name === request.stream);
  const stream = view.streams[index];
  const written = mergedJob(view)?.streams[index]?.value;
  if (!stream || !written) throw invalid(document, 'there is no such stream');
  const job = probe(written, document, project);
  const spec = sources[job.streams[0]?.source.type ?? ''];
  if (spec?.capabilities.placement !== 'node' && !request.remote) {
    throw new SluiceError('columns/remote', 'config', 'The source does not lie on this machine', {
      hint: 'Its columns are read when that is asked for.',
    });
  }
  const { value: named } = resolveReferences(project.stateStore ?? '', valuesFor({ projectDir, env }, ''));
  const stateStore = named || env.DATABASE_URL || null;
  const found = await infer({ projectDir, job, env, stream: null, stateStore, glance: true }, signal);
  return recordOf(view, stream, found);
}

type JobView = ReturnType<Project['view']>;

/** What was found out about a stream's source, as a record, and the names that it is kept under. */
export function recordOf(
  view: JobView,
  stream: JobView['streams'][number],
  found: Awaited<ReturnType<typeof infer>>,
): { keys: RecordKeys; record: ColumnRecord } {
  const kept = (name: string, type: string, nulls: number, rows: number) => ({
    name,
    type,
    nullable: nulls > 0 || rows === 0,
    null_share: rows === 0 ? null : nulls / rows,
  });
  const record: ColumnRecord = {
    version: 1,
    job: view.name ?? '',
    stream: stream.name,
    columns: found.columns.map(({ from, type, nulls }) => kept(from, type, nulls, found.sampled_rows)),
    steps: found.steps.map((columns) => columns?.map(({ name, type }) => kept(name, formatType(type), 0, 0)) ?? null),
    steps_hash: stepsHash(stream.node),
    rows: found.sampled_files === found.files && found.sampled_rows < SMALL ? found.sampled_rows : null,
    at: new Date().toISOString(),
    format: found.format === null ? null : { type: found.format, settings: found.pinned },
  };
  return { keys: recordKeys(stream.node, view.scope), record };
}

/** A sample below this holds every row of its files. */
const SMALL = 1000;

/** A job that only reads: what is wrong elsewhere in the file is not in the way. */
function probe(written: JsonObject, document: Document, project: Project): Job {
  const { source, columns, transform } = written;
  const base = {
    name: 'columns_probe',
    ...(source === undefined ? {} : { source }),
    compute: { memory: `${MEMORY / 1e6}MB` },
  };
  const more = [
    { ...(columns === undefined ? {} : { columns }), ...(transform === undefined ? {} : { transform }) },
    columns === undefined ? {} : { columns },
    {},
  ];
  let why = '';
  for (const extra of more) {
    const text = writeYaml({ ...base, ...extra });
    const { job, diagnostics } = compile(parseDocument(text, document.file), project);
    if (job) return job;
    why = diagnostics.find(({ severity }) => severity === 'error')?.message ?? '';
  }
  throw invalid(document, why);
}

function invalid({ file }: Document, why: string): SluiceError {
  return new SluiceError('columns/invalid', 'config', `The source of ${file} cannot be read: ${why}`, {
    hint: 'Mend what `sluice validate` shows under `source`.',
  });
}
