import { type Column, formatType, isJsonObject, type JsonObject, parseDocument, writeYaml } from '@sluice/core';
import { formats, sources } from '@sluice/core/specs';
import { ask } from '../../executor/ask.ts';
import type { SourceFound } from '../../executor/questions.ts';
import { importJob } from '../../repo/origin.ts';
import type { ApiContext } from '../context.ts';
import { compiled, environmentOf, withDocument } from '../jobs-in.ts';
import { Problem } from '../problems.ts';
import type { ApiRoute, Call } from '../route.ts';
import { answer, any, ERROR, flag, input, list, map, object, optional, text, whole } from '../schemas.ts';

/** What each source can do, as its spec says. */
const AVAILABLE = Object.values(sources).map(
  ({ type, title, text: description, settings, connection, secrets, capabilities }) => ({
    ...{ type, title, description, secrets },
    formats: capabilities.yields === 'columns' ? [] : Object.keys(formats),
    batch: capabilities.batch !== false,
    streaming: capabilities.streaming === true,
    settings: settings as unknown as JsonObject,
    connection: (connection ?? null) as unknown as JsonObject | null,
  }),
);

const TEST = input(
  {
    source_type: text('The origin’s word for the system.'),
    connection_params: map('Its settings: bucket, host, url, keys …'),
    file_pattern: text('Glob below `connection_params.prefix`.'),
    schema_inference: flag('false: no row is read.'),
    format: text('Left out: it is found out.'),
    source: map(
      'Instead of all that: a `source` of the job language, references and connections of the project included.',
    ),
  },
  [],
);

const COLUMN = object({ name: text(), type: text() });
const PROBE = object({ what: text('`reach` or `read`.'), found: optional(text()), error: ERROR });

/** Sources, which are data, and the test of a source. */
export function sourceRoutes(context: ApiContext): ApiRoute[] {
  return [
    {
      ...{ method: 'GET', path: '/jobs/sources/available', role: 'viewer', tag: 'Sources', operation: 'listSources' },
      summary: 'Sources that a job can have',
      answers: {
        200: answer(
          'Each source with its settings as a JSON Schema.',
          object({
            sources: list(
              object({
                type: text(),
                title: text(),
                description: text(),
                secrets: list(text(), 'Settings whose values are secrets.'),
                formats: list(text(), 'Empty: it gives tables.'),
                batch: flag(),
                streaming: flag(),
                settings: map('Its own keys.'),
                connection: {
                  anyOf: [map('Keys of the system, which may stand in a connection of sluice.yaml.'), { type: 'null' }],
                },
              }),
            ),
          }),
        ),
      },
      handle: () => ({ sources: AVAILABLE }),
    },
    {
      ...{
        method: 'POST',
        path: '/jobs/sources/test',
        role: 'editor',
        audit: 'source.test',
        tag: 'Sources',
        operation: 'testSource',
      },
      summary: 'Reach a source, list it, read a sample and infer its columns',
      description:
        'Nothing is written, and no secret is in the answer. A source that cannot be reached answers 200 with `success` false.',
      body: TEST,
      answers: {
        200: answer(
          'What was found.',
          object({
            success: flag(),
            message: text(),
            source_type: text(),
            probes: list(PROBE, 'What was tried, in order.'),
            format: optional(text()),
            files: optional(whole('Files that the source lists.')),
            tables: {
              type: ['array', 'null'],
              items: text(),
              description: 'Tables that it has, where none was named.',
            },
            schema: {
              type: ['array', 'null'],
              items: object({ name: text(), type: text(), nulls: whole(), values: whole() }),
              description: 'null: nothing was read.',
            },
            sample: {
              anyOf: [
                object({
                  columns: list(COLUMN),
                  rows: list(list(any('A value; exact numbers beyond 2^53 are texts.'))),
                }),
                { type: 'null' },
              ],
            },
            evidence: list(text()),
            warnings: list(text()),
          }),
        ),
      },
      handle: (call) => testSource(context, call),
    },
  ];
}

interface TestBody {
  source_type?: string;
  connection_params?: JsonObject;
  file_pattern?: string;
  schema_inference?: boolean;
  format?: string;
  source?: JsonObject;
}

async function testSource(
  { door }: ApiContext,
  { body, signal, audited }: Call<object, object, TestBody>,
): Promise<object> {
  // Inline secrets go from this request to the process that looks, and nowhere else.
  const secrets: Record<string, string> = {};
  const { value, warnings } = body.source
    ? { value: jobOf(body.source, body.format), warnings: [] }
    : fromOrigin(body, secrets);
  const project = await door.config();
  const document = parseDocument(writeYaml(value), 'jobs/source_test.yaml');
  const { job } = compiled(withDocument(project, document), document);
  const type = job.streams[0]?.source.type ?? '';
  audited({ subject: `source:${type}` });
  const env = { ...environmentOf(project), ...secrets };
  const look = { projectDir: door.dir, job, env, stream: null, stateStore: door.stateStore };
  const found = await ask('test_source', { ...look, sample: body.schema_inference !== false }, signal);
  return answerOf(type, found, warnings);
}

/** A job around a source, so that it is checked and compiled as any other. */
function jobOf(source: JsonObject, format: string | undefined): JsonObject {
  const whole = format === undefined ? source : { ...source, format };
  return { name: 'source_test', source: whole, destination: { type: 'duckdb' } };
}

function fromOrigin(body: TestBody, secrets: Record<string, string>): { value: JsonObject; warnings: string[] } {
  if (body.source_type === undefined) {
    throw new Problem(422, 'api/request', 'Name a `source_type`, or give a `source` of the job language');
  }
  const { source_type, connection_params = {}, file_pattern, format } = body;
  const origin: JsonObject = {
    job_name: 'source_test',
    source_config: { source_type, connection_params, ...(file_pattern === undefined ? {} : { file_pattern }) },
    ...(format === undefined ? {} : { processing_config: { format } }),
  };
  const found = importJob(origin, ({ key, value }) => {
    const name = `SLUICE_SOURCE_TEST_${key.toUpperCase()}`;
    secrets[name] = value;
    return { reference: `\${env:${name}}`, warning: null };
  });
  const value: JsonObject = found?.value ?? {};
  const source = isJsonObject(value.source ?? null) ? (value.source as JsonObject) : {};
  // Without a pattern everything is meant, of a database every table.
  const spec = sources[String(source.type)];
  const wants = spec?.settings.required ?? [];
  const isBare = spec?.capabilities.table_patterns && source.table === undefined && source.query === undefined;
  const all = wants.includes('path') && source.path === undefined ? { path: '**' } : isBare ? { table: '*' } : {};
  const whole = { ...source, ...all };
  return {
    value: { ...value, source: whole, destination: { type: 'duckdb' } },
    warnings: found?.warnings ?? [],
  };
}

function answerOf(
  source_type: string,
  { probes, tables, inferred, sample, error }: SourceFound,
  warnings: readonly string[],
): object {
  const failed = probes.find((probe) => probe.error !== null)?.error ?? error;
  const last = probes.filter(({ found }) => found !== null).at(-1)?.found ?? 'Nothing was tried';
  return {
    success: failed === null,
    message: failed?.message ?? last,
    source_type,
    probes: probes.map(({ what, found, error: own }) => ({ what, found, error: own })),
    format: inferred?.format ?? null,
    files: tables === null ? (inferred?.files ?? null) : null,
    tables,
    schema: inferred?.columns.map(({ name, type, nulls, values }) => ({ name, type, nulls, values })) ?? null,
    sample: sample && { columns: sample.columns.map(columnOf), rows: sample.rows },
    evidence: inferred?.evidence ?? [],
    warnings: [...warnings, ...(inferred?.warnings ?? [])],
  };
}

export function columnOf({ name, type }: Column): { name: string; type: string } {
  return { name, type: formatType(type) };
}
