import { STATUS_CODES } from 'node:http';
import { messageOf, SluiceError, type SluiceErrorJson } from '@sluice/core';
import type { FastifyError } from 'fastify';
import type { FileFinding } from '../repo/file-findings.ts';

/** What a problem says beside status, code and detail. */
export interface ProblemMore {
  hint?: string | null;
  where?: SluiceErrorJson['where'];
  diagnostics?: FileFinding[];
  /** The file that the refused change would have written, for a pull request. */
  file?: string;
  yaml?: string;
  /** Fields of the request that do not fit. */
  errors?: { path: string; message: string }[];
}

/** A problem document (RFC 9457), as it is answered with `application/problem+json`. */
export interface ProblemDocument extends ProblemMore {
  type: 'about:blank';
  title: string;
  status: number;
  code: string;
  detail: string;
}

/** A refusal with its HTTP status. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly more: ProblemMore;

  constructor(status: number, code: string, detail: string, more: ProblemMore = {}) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.more = more;
  }
}

/** Errors whose kind alone does not tell the status. */
const STATUS: Readonly<Record<string, number>> = {
  'run/busy': 409,
  'plan/hash': 409,
  'plan/stale': 409,
  'plan/destructive': 409,
  'store/busy': 409,
  'job/unknown': 404,
  'run/unknown': 404,
  'state/unknown': 404,
  'stream/unknown': 404,
};

/** What an error answers. What is none of ours says nothing of its inside: the log has it. */
export function problemOf(error: unknown): ProblemDocument {
  if (error instanceof Problem) return document(error.status, error.code, error.message, error.more);
  if (error instanceof SluiceError) {
    const { code, message, where, hint } = error;
    return document(statusOf(error), code, message, { where, ...(hint === null ? {} : { hint }) });
  }
  const known = error as Partial<FastifyError>;
  if (known.validation) {
    const errors = known.validation.map(({ instancePath, message, params }) => {
      const added = (params as { additionalProperty?: string } | undefined)?.additionalProperty;
      return {
        path: instancePath || '/',
        message: `${message ?? 'does not fit'}${added === undefined ? '' : `: ${added}`}`,
      };
    });
    const detail = `${known.validationContext ?? 'request'} ${errors.map(({ path, message }) => `${path} ${message}`).join(', ')}`;
    return document(422, 'api/request', detail, { errors });
  }
  const status = known.statusCode ?? 500;
  if (status >= 400 && status < 500) return document(status, codeOf(status), messageOf(error));
  return document(500, 'internal', 'The server failed; its log says why');
}

function statusOf({ code, kind }: SluiceError): number {
  const known = STATUS[code];
  if (known !== undefined) return known;
  if (code.startsWith('store/')) return 503;
  return kind === 'transient' && code.startsWith('api/') ? 503 : 422;
}

const CODES: Readonly<Record<number, string>> = {
  404: 'api/unknown',
  405: 'api/method',
  413: 'api/too-large',
  415: 'api/media-type',
  429: 'api/too-many',
};

function codeOf(status: number): string {
  return CODES[status] ?? 'api/request';
}

function document(status: number, code: string, detail: string, more: ProblemMore = {}): ProblemDocument {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail, ...more };
}
