import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import websocket from '@fastify/websocket';
import { VERSION } from '@sluice/core';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { secretStore } from '../secrets/secret-store.ts';
import type { Store } from '../store/store.ts';
import type { ApiContext } from './context.ts';
import { addDocs } from './docs.ts';
import { Authenticator, guard } from './guard.ts';
import { addHooks } from './hooks.ts';
import { type Identity, Sessions } from './identity.ts';
import { addPlainRoutes } from './plain-routes.ts';
import { problemOf } from './problems.ts';
import type { ProjectDoor } from './project-door.ts';
import { register } from './register.ts';
import { routesOf } from './routes/index.ts';
import { SHARED } from './schemas.ts';

export interface ApiOptions {
  store: Store;
  door: ProjectDoor;
  /** Names by which the server is reached beside those of the own machine and of `api.url`. */
  hosts?: readonly string[];
  /** Where SLUICE_SECRET_KEY is looked for; the process's own where left out. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Left out: nothing is logged. */
  logger?: FastifyBaseLogger;
  /** Requests of one address a minute. */
  mostRequests?: number;
  /** Text of `/metrics`; left out: there is none. */
  metrics?: () => Promise<{ contentType: string; text: string }>;
}

/** The server, which listens nowhere yet, with what whoever starts it needs. */
export interface Api {
  app: FastifyInstance;
  /** A one-time link's path, for whoever sees the daemon's terminal: signs a browser in as admin. */
  signInPath(): string;
  /** A token for programs of the daemon's own user on this machine; it ends with the process. */
  localToken(): string;
}

const MINUTE_MS = 60_000;
/** How long requests may take to end once the server is stopped. */
const GRACE_MS = 2000;
const MOST_REQUESTS = 30_000;
const LOCAL: Identity = {
  ...{ kind: 'session', name: 'local', role: 'admin' },
  ...{ user: null, token: null, groups: [], expires: null },
} as const;

/** Makes the HTTP API over a state store and a checkout. Nothing listens: `app.listen` does. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { store, door, logger, hosts = [] } = options;
  const app = fastify({
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    bodyLimit: 1 << 20,
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: 400 },
    // What is not in a schema is an error: nothing is dropped, and only texts of the address become numbers.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true, strict: false } },
  }) as unknown as FastifyInstance;
  const closing = new AbortController();
  app.addHook('preClose', async () => {
    closing.abort();
    setTimeout(() => hangUp(app), GRACE_MS).unref();
  });
  const sessions = new Sessions();
  const secrets = secretStore({ store, projectDir: door.dir, env: options.env ?? process.env, ...door.key });
  const context: ApiContext = { store, door, sessions, secrets, closing: closing.signal };
  handleErrors(app);
  takeEmptyBodies(app);
  for (const schema of SHARED) app.addSchema(schema);
  await app.register(rateLimit, { max: options.mostRequests ?? MOST_REQUESTS, timeWindow: MINUTE_MS });
  await app.register(websocket, { options: { maxPayload: 1 << 16 } });
  await app.register(swagger, documentOptions());
  guard(app, door, { hosts });
  await app.register(async (inner) => {
    register(inner, routesOf(context), { context, authenticator: new Authenticator(context) });
  });
  await addHooks(app, context);
  addPlainRoutes(app, context, options.metrics);
  addDocs(app);
  await app.ready();
  return {
    app,
    signInPath: () => `/signin?code=${sessions.createCode(LOCAL)}`,
    localToken: () => sessions.create(LOCAL),
  };
}

/** Requests have had their time to end: a client that stays holds nothing up. */
function hangUp(app: FastifyInstance): void {
  app.server.closeAllConnections();
  for (const client of app.websocketServer.clients) client.terminate();
}

/** Clients that name JSON and send nothing mean no body. */
function takeEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, null);
    else parse(request, String(body), done);
  });
}

function handleErrors(app: FastifyInstance): void {
  const answer = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) request.log.error({ err: error, code: problem.code }, 'request failed');
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="sluice"');
    return reply.code(problem.status).type('application/problem+json').serializer(JSON.stringify).send(problem);
  };
  app.setErrorHandler(answer);
  app.setNotFoundHandler((request, reply) =>
    answer(
      Object.assign(new Error(`There is nothing at ${request.method} ${pathOf(request)}`), { statusCode: 404 }),
      request,
      reply,
    ),
  );
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0] ?? url;
}

/** In the order in which the pages show them. */
const TAGS = ['Jobs', 'Runs', 'Live', 'Compute', 'Sources', 'Data', 'State', 'Plan', 'Access', 'Nodes'];

function documentOptions() {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sluice',
        version: VERSION,
        description:
          'Jobs, runs, plans and state of a project. Errors are problem documents (RFC 9457); every route but the health checks wants a token.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: TAGS.map((name) => ({ name })),
      components: { securitySchemes: { token: { type: 'http' as const, scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    refResolver: { buildLocalReference: (json: { $id?: unknown }) => String(json.$id) },
  };
}
