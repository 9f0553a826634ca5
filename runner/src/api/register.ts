import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { type ApiContext, requireRole } from './context.ts';
import type { Authenticator } from './guard.ts';
import type { Identity } from './identity.ts';
import { problemOf } from './problems.ts';
import type { AnswerSpec, ApiRoute, Call, LiveSocket } from './route.ts';
import { PROBLEM } from './schemas.ts';
import { validatorCompiler } from './validate.ts';

const BASE = '/api/v1';

/** What a request carries from its first hook to its end. */
interface Carried {
  who: Identity | null;
  audited: Parameters<Call['audited']>[0];
}

const carried = new WeakMap<FastifyRequest, Carried>();

/** Registers routes: who may call them, what their requests hold, what the audit trail says of them. */
export function register(
  app: FastifyInstance,
  routes: readonly ApiRoute[],
  { context, authenticator }: { context: ApiContext; authenticator: Authenticator },
): void {
  app.setValidatorCompiler(validatorCompiler);
  app.addContentTypeParser(
    ['application/yaml', 'text/yaml', 'application/x-yaml'],
    { parseAs: 'string' },
    (_request, body, done) => done(null, body),
  );
  for (const route of routes) addRoute(app, route, { context, authenticator });
}

function addRoute(
  app: FastifyInstance,
  route: ApiRoute,
  { context, authenticator }: { context: ApiContext; authenticator: Authenticator },
): void {
  const { socket } = route;
  app.route({
    method: route.method,
    url: `${BASE}${route.path}`,
    schema: schemaOf(route),
    ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
    onRequest: async (request) => {
      const mine: Carried = { who: null, audited: {} };
      carried.set(request, mine);
      mine.who = await authenticator.identify(request);
      requireRole(mine.who, route.role);
    },
    // Before the answer goes out, so that whoever has it finds its entry.
    onSend: async (request, reply) => {
      if (route.audit !== undefined) await audit(context, route.audit, request, reply);
    },
    handler: async (request, reply) => route.handle(callOf(request, reply, context.closing)),
    ...(socket
      ? {
          wsHandler: (found: LiveSocket, request: FastifyRequest) => {
            void serve(found, request, context, (call) => socket(call, found));
          },
        }
      : {}),
  });
}

/** The signal is made for those who ask for it: most requests end before anybody could abort them. */
function callOf(request: FastifyRequest, reply: FastifyReply, closing: AbortSignal): Call {
  let signal: AbortSignal | null = null;
  return {
    ...asked(request),
    reply,
    get signal() {
      signal ??= signalOf(reply, closing);
      return signal;
    },
  };
}

function signalOf({ raw }: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  if (raw.destroyed) gone.abort();
  raw.on('close', () => gone.abort());
  return AbortSignal.any([gone.signal, closing]);
}

function asked(request: FastifyRequest): Omit<Call, 'reply' | 'signal'> {
  const mine = carried.get(request);
  if (!mine?.who) throw new Error('the request was let in by nobody');
  return {
    params: request.params as Record<string, string>,
    query: request.query as Record<string, unknown>,
    body: request.body,
    who: mine.who,
    request,
    audited: (entry) => {
      mine.audited = { ...mine.audited, ...entry };
    },
  };
}

/** Codes of the WebSocket protocol: an end that was meant, and a failure of the server. */
const DONE = 1000;
const FAILED = 1011;

async function serve(
  socket: LiveSocket,
  request: FastifyRequest,
  { closing }: ApiContext,
  work: (call: Omit<Call, 'reply'>) => Promise<void>,
): Promise<void> {
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  socket.on('error', () => gone.abort());
  try {
    await work({ ...asked(request), signal: AbortSignal.any([gone.signal, closing]) });
    socket.close(DONE);
  } catch (error) {
    if (gone.signal.aborted) return;
    const problem = problemOf(error);
    socket.send(JSON.stringify({ type: 'problem', problem }));
    socket.close(problem.status >= 500 ? FAILED : DONE);
  }
}

/** A trail that cannot be written does not undo the change; the log says so. */
async function audit(
  { store, door }: ApiContext,
  action: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { who, audited = {} } = carried.get(request) ?? { who: null };
  if (who === null) return;
  const { id } = (request.params ?? {}) as { id?: string };
  const subject = audited.subject ?? id ?? null;
  const { name: actor, role } = who;
  const entry = { ...door.key, actor, role, action, subject, status: reply.statusCode, address: request.ip };
  await store.audit
    .record({ ...entry, detail: audited.detail ?? {} })
    .catch((error: unknown) => request.log.error({ err: error, action }, 'the audit trail could not be written'));
}

function schemaOf(route: ApiRoute): FastifySchema {
  const { tag, operation, summary, description, params, query, body, consumes, answers, role } = route;
  const response = Object.fromEntries(Object.entries(answers).map(([status, spec]) => [status, answerOf(spec)]));
  return {
    tags: [tag],
    summary,
    operationId: operation,
    description: `${description ? `${description} ` : ''}Role: ${role}.`,
    ...(params ? { params } : {}),
    ...(query ? { querystring: query } : {}),
    ...(body ? { body } : {}),
    ...(consumes ? { consumes: [...consumes] } : {}),
    response: { ...response, '4xx': PROBLEM, '5xx': PROBLEM },
  } as FastifySchema;
}

function answerOf({ description, schema, content }: AnswerSpec): object {
  if (content) {
    const json = schema ? { 'application/json': { schema } } : {};
    return { description, content: { ...json, ...content } };
  }
  return schema ? { ...schema, description } : { description, type: 'null' };
}
