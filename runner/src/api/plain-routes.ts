import type { FastifyInstance } from 'fastify';
import type { ApiContext } from './context.ts';
import { COOKIE } from './identity.ts';
import { Problem } from './problems.ts';

/** Routes outside of `/api/v1`: health, figures, and signing a browser in. They want no token. */
export function addPlainRoutes(
  app: FastifyInstance,
  { store, sessions, closing }: ApiContext,
  metrics: (() => Promise<{ contentType: string; text: string }>) | undefined,
): void {
  app.get('/healthz', { schema: { hide: true } }, async () => ({ status: 'ok' }));
  app.get('/readyz', { schema: { hide: true } }, async () => {
    if (closing.aborted) throw new Problem(503, 'api/closing', 'The server is being stopped');
    await store.serverVersion();
    return { status: 'ok' };
  });
  if (metrics) {
    app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
      const { contentType, text } = await metrics();
      return reply.type(contentType).send(text);
    });
  }
  app.get<{ Querystring: { code?: string } }>('/signin', { schema: { hide: true } }, async (request, reply) => {
    const identity = sessions.takeCode(request.query.code ?? '');
    if (identity === null) {
      throw new Problem(401, 'api/unauthenticated', 'This link was used before, or is too old', {
        hint: 'Start the daemon again for a new one, or make a token: `sluice token create`.',
      });
    }
    const session = sessions.create(identity);
    return reply.header('set-cookie', `${COOKIE}=${session}; Path=/; HttpOnly; SameSite=Strict`).redirect('/docs', 303);
  });
}
