import type { AnswerSpec, JsonSchema } from './route.ts';

/** Building blocks of the routes' schemas. */

export const text = (description?: string): JsonSchema => ({ type: 'string', ...(description ? { description } : {}) });
export const whole = (description?: string): JsonSchema => ({
  type: 'integer',
  ...(description ? { description } : {}),
});
export const flag = (description?: string): JsonSchema => ({
  type: 'boolean',
  ...(description ? { description } : {}),
});
export const list = (items: JsonSchema, description?: string): JsonSchema => ({
  type: 'array',
  items,
  ...(description ? { description } : {}),
});
/** ISO 8601 in UTC. */
export const time = (description?: string): JsonSchema => ({
  type: 'string',
  format: 'date-time',
  ...(description ? { description } : {}),
});
export const optional = (schema: JsonSchema): JsonSchema => ({ ...schema, type: [schema.type as string, 'null'] });
/** Any JSON. */
export const any = (description: string): JsonSchema => ({ description });
export const map = (description: string): JsonSchema => ({ type: 'object', description, additionalProperties: true });

/** A closed object; what is in `left` may be missing. */
export function object(properties: Record<string, JsonSchema>, left: readonly string[] = []): JsonSchema {
  const required = Object.keys(properties).filter((key) => !left.includes(key));
  return {
    type: 'object',
    properties,
    additionalProperties: false,
    ...(required.length > 0 ? { required } : {}),
  };
}

/** A body or a query: nothing has to be there but what is named. */
export function input(properties: Record<string, JsonSchema>, required: readonly string[] = []): JsonSchema {
  return { type: 'object', properties, additionalProperties: false, ...(required.length > 0 ? { required } : {}) };
}

export const answer = (description: string, schema?: JsonSchema): AnswerSpec => ({
  description,
  ...(schema ? { schema } : {}),
});

/** Path parameter of a job. */
export const JOB_PARAMS = input(
  { id: { type: 'string', minLength: 1, maxLength: 200, description: 'Id (UUID) or name of the job.' } },
  ['id'],
);

export const PAGE = {
  limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100, description: 'Most entries of the answer.' },
  cursor: { type: 'string', maxLength: 400, description: '`next_cursor` of the answer before.' },
} as const satisfies Record<string, JsonSchema>;

/** The position behind which the next page begins; null: this was the last one. */
export const NEXT = {
  type: ['string', 'null'],
  description: 'Give it as `cursor` for the next page; null: there is none.',
};

export const DIAGNOSTIC = object({
  file: text('Path from the project folder.'),
  code: text(),
  severity: { type: 'string', enum: ['error', 'warning', 'info'] },
  message: text(),
  path: text('JSON pointer of the place.'),
  range: {
    type: 'object',
    description: 'From 0; characters are UTF-16 units, as in the Language Server Protocol.',
    properties: { start: { $ref: 'Position#' }, end: { $ref: 'Position#' } },
    required: ['start', 'end'],
    additionalProperties: false,
  },
});

/** Schemas that others refer to by name. */
export const SHARED: readonly JsonSchema[] = [
  { $id: 'Position', ...object({ line: whole(), character: whole() }) },
  { $id: 'Diagnostic', ...DIAGNOSTIC },
  {
    $id: 'Problem',
    ...object(
      {
        type: text(),
        title: text('The status in words.'),
        status: whole(),
        code: text('What went wrong, for programs.'),
        detail: text('What went wrong, for people.'),
        hint: { type: ['string', 'null'], description: 'What to do next.' },
        where: map('Where: job, stream, run, path, line, column.'),
        diagnostics: list({ $ref: 'Diagnostic#' }, 'Findings, as `sluice validate` prints them.'),
        file: text('The file that would be written.'),
        yaml: text('What it would hold, for a pull request.'),
        errors: list(object({ path: text(), message: text() }), 'Fields of the request that do not fit.'),
      },
      ['hint', 'where', 'diagnostics', 'file', 'yaml', 'errors'],
    ),
  },
  {
    $id: 'Error',
    description: 'Why a run, an attempt or a look failed.',
    ...object({
      code: text(),
      kind: text(),
      message: text(),
      where: map('Where.'),
      hint: { type: ['string', 'null'] },
    }),
  },
];

/** What every route may answer. */
export const PROBLEM = {
  description: 'A problem document (RFC 9457).',
  content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
};

export const ERROR = { anyOf: [{ $ref: 'Error#' }, { type: 'null' }] };
