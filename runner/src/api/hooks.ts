import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiContext } from './context.ts';
import { Problem } from './problems.ts';
import { flag, object, PROBLEM } from './schemas.ts';

const PATH = '/api/v1/hooks/git';
const MOST_BYTES = 5 << 20;

/**
 * The webhook of a git host: its body is signed with `api.hook_secret` (GitHub, Gitea and Forgejo: HMAC-SHA256 of the body in
 * `X-Hub-Signature-256` or `X-Gitea-Signature`; GitLab: the secret itself in `X-Gitlab-Token`). The daemon then looks at its remote; what
 * the body says is not believed.
 */
export async function addHooks(app: FastifyInstance, context: ApiContext): Promise<void> {
  await app.register(async (inner) => {
    inner.removeAllContentTypeParsers();
    inner.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MOST_BYTES }, (_request, body, done) =>
      done(null, body),
    );
    inner.post(PATH, {
      bodyLimit: MOST_BYTES,
      schema: {
        ...{
          tags: ['Nodes'],
          operationId: 'gitHook',
          summary: 'A git host says that something was pushed',
          security: [],
        },
        description: 'Signed with `api.hook_secret`. The daemon looks at its remote now.',
        response: {
          202: { description: 'It looks.', ...object({ fetching: flag('false: the checkout has no remote.') }) },
          '4xx': PROBLEM,
          '5xx': PROBLEM,
        },
      } as object,
      handler: async (request, reply) => {
        const { hookSecret } = await context.door.settings();
        if (hookSecret === null) {
          throw new Problem(403, 'hook/off', 'There is no key by which a git host could be told from anybody', {
            hint: 'Set `api.hook_secret` of sluice.yaml, and the same at the git host.',
          });
        }
        if (!isSigned(request, hookSecret))
          throw new Problem(401, 'hook/signature', 'The signature does not fit the body');
        const fetching = await context.door.fetch();
        const address = request.ip;
        const entry = { actor: 'git', role: 'hook', action: 'hook.git', subject: null, status: 202, address };
        await context.store.audit.record({ ...context.door.key, ...entry, detail: { fetching } });
        return reply.code(202).send({ fetching });
      },
    });
  });
}

function isSigned({ headers, body }: FastifyRequest, secret: string): boolean {
  const token = headers['x-gitlab-token'];
  if (typeof token === 'string') return isSame(token, secret);
  const signature = headers['x-hub-signature-256'] ?? headers['x-gitea-signature'];
  if (typeof signature !== 'string' || !Buffer.isBuffer(body)) return false;
  return isSame(signature.replace(/^sha256=/, ''), createHmac('sha256', secret).update(body).digest('hex'));
}

/** Takes as long for any text. */
function isSame(a: string, b: string): boolean {
  const [first, second] = [a, b].map((text) => createHmac('sha256', 'compare').update(text).digest());
  return timingSafeEqual(first!, second!);
}
