import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';

const OPTIONS = { allErrors: true, strict: false, useDefaults: true, removeAdditional: false } as const;

/** What stands in an address is text: numbers and switches are made of it. */
const address = withFormats(new Ajv({ ...OPTIONS, coerceTypes: true }));
/** A body says itself what is a number. */
const body = withFormats(new Ajv({ ...OPTIONS, coerceTypes: false }));

function withFormats(ajv: Ajv): Ajv {
  formats.default(ajv);
  return ajv;
}

/** Checks the parts of a request against the schemas of its route. */
export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
  const validate: ValidateFunction = (httpPart === 'body' ? body : address).compile(schema);
  return (given: unknown) => {
    // A body may be left out where its schema allows null.
    const data = given === undefined ? null : given;
    const nul = findNul(data, '');
    if (nul !== null) return { error: [problem(nul, 'holds the character NUL, which nothing here can keep')] as never };
    if (validate(data)) return { value: data };
    return { error: (validate.errors ?? []) as FastifySchemaValidationError[] as never };
  };
};

function problem(instancePath: string, message: string): FastifySchemaValidationError {
  return { keyword: 'text', instancePath, schemaPath: '', params: {}, message };
}

/** Where a text with NUL stands, which Postgres does not take; null: nowhere. */
function findNul(value: unknown, path: string): string | null {
  if (typeof value === 'string') return value.includes('\0') ? path || '/' : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    const found = key.includes('\0') ? `${path}/` : findNul(inner, `${path}/${key}`);
    if (found !== null) return found;
  }
  return null;
}
