import { parseDuration } from '@sluice/core';
import { ROLES, type Role } from '../../store/tokens.ts';
import type { ApiContext } from '../context.ts';
import { COOKIE, cookieOf } from '../identity.ts';
import { Problem } from '../problems.ts';
import type { ApiRoute, Call } from '../route.ts';
import { answer, input, list, map, NEXT, object, optional, PAGE, text, time, whole } from '../schemas.ts';

const ROLE = { type: 'string', enum: ROLES };
const TOKEN_FIELDS = {
  id: { type: 'string', format: 'uuid' },
  name: text(),
  role: ROLE,
  created_by: text(),
  created_at: time(),
  expires_at: optional(time()),
  revoked_at: optional(time()),
  last_used_at: optional(time('To the minute.')),
};

/** Who one is, tokens, and the audit trail. */
export function tokenRoutes({ store, door, sessions }: ApiContext): ApiRoute[] {
  return [
    {
      ...{ method: 'GET', path: '/me', role: 'viewer', tag: 'Access', operation: 'me', summary: 'Who am I' },
      answers: {
        200: answer(
          'Whose token this is, and what it may do.',
          object({
            kind: text('`token`, `user` or `session`.'),
            name: text(),
            role: ROLE,
            groups: list(text()),
            expires: optional(time()),
            project: text(),
            target: text(),
            read_only: optional(text('Why files cannot be changed.')),
          }),
        ),
      },
      handle: async ({ who: { kind, name, role, groups, expires } }) => ({
        ...{ kind, name, role, groups, expires },
        ...door.key,
        read_only: await door.readOnly(),
      }),
    },
    {
      ...{ method: 'POST', path: '/session', role: 'viewer', tag: 'Access', operation: 'createSession' },
      summary: 'Sign a browser in with a token',
      description: 'Answers with a cookie that pages of this server use.',
      answers: { 200: answer('Signed in; a cookie is set.', object({ expires: optional(time()) })) },
      handle: ({ who, reply }) => {
        const session = sessions.create(who);
        reply.header('set-cookie', `${COOKIE}=${session}; Path=/; HttpOnly; SameSite=Strict`);
        return { expires: sessions.find(session)?.expires ?? null };
      },
    },
    {
      ...{ method: 'DELETE', path: '/session', role: 'viewer', tag: 'Access', operation: 'deleteSession' },
      summary: 'Sign a browser out',
      answers: { 204: answer('Signed out.') },
      handle: ({ request, reply }) => {
        const session = cookieOf(request.headers.cookie, COOKIE);
        if (session !== null) sessions.end(session);
        reply.header('set-cookie', `${COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`);
        return reply.code(204).send();
      },
    },
    ...manageTokens({ store, door }),
    {
      ...{ method: 'GET', path: '/audit', role: 'admin', tag: 'Access', operation: 'listAudit' },
      summary: 'Who changed what, newest first',
      query: input({
        ...PAGE,
        cursor: { ...PAGE.cursor, pattern: '^\\d{1,18}$' },
        subject: text('Only changes of this job or token.'),
      }),
      answers: {
        200: answer(
          'Changes, done and refused.',
          object({
            entries: list(
              object({
                id: text(),
                at: time(),
                project: text(),
                target: text(),
                actor: text(),
                role: text(),
                action: text(),
                subject: optional(text()),
                status: whole('Of the HTTP answer.'),
                address: optional(text()),
                detail: map('More of it.'),
              }),
            ),
            next_cursor: NEXT,
          }),
        ),
      },
      handle: async ({ query }: Call<object, { limit: number; cursor?: string; subject?: string }>) => {
        const { limit, cursor, subject } = query;
        const more = {
          ...(cursor === undefined ? {} : { before: cursor }),
          ...(subject === undefined ? {} : { subject }),
        };
        const entries = await store.audit.list({ ...door.key, limit, ...more });
        return { entries, next_cursor: entries.length === limit ? (entries.at(-1)?.id ?? null) : null };
      },
    },
  ];
}

function manageTokens({ store, door }: Pick<ApiContext, 'store' | 'door'>): ApiRoute[] {
  return [
    {
      ...{ method: 'GET', path: '/tokens', role: 'admin', tag: 'Access', operation: 'listTokens' },
      summary: 'Tokens, without their texts',
      answers: {
        200: answer('Revoked and expired ones are among them.', object({ tokens: list(object(TOKEN_FIELDS)) })),
      },
      handle: async () => ({ tokens: await store.tokens.list(door.name) }),
    },
    {
      ...{
        method: 'POST',
        path: '/tokens',
        role: 'admin',
        audit: 'token.create',
        tag: 'Access',
        operation: 'createToken',
      },
      summary: 'Make a token',
      description: 'Its text is in this answer and nowhere else.',
      body: input(
        {
          name: { type: 'string', minLength: 1, maxLength: 100, pattern: '\\S' },
          role: { ...ROLE, default: 'viewer' },
          expires_in: { type: 'string', maxLength: 20, description: 'Such as `30d`; left out: it does not expire.' },
        },
        ['name'],
      ),
      answers: { 201: answer('The token.', object({ ...TOKEN_FIELDS, token: text('Shown this once.') })) },
      handle: async ({
        body,
        who,
        reply,
        audited,
      }: Call<object, object, { name: string; role: Role; expires_in?: string }>) => {
        const lifetimeMs = lifetimeOf(body.expires_in);
        const made = await store.tokens.create({
          project: door.name,
          name: body.name,
          role: body.role,
          createdBy: who.name,
          lifetimeMs,
        });
        audited({ subject: made.id, detail: { name: made.name, role: made.role } });
        return reply.code(201).send(made);
      },
    },
    {
      ...{
        method: 'DELETE',
        path: '/tokens/:id',
        role: 'admin',
        audit: 'token.revoke',
        tag: 'Access',
        operation: 'revokeToken',
      },
      summary: 'Revoke a token',
      params: input({ id: { type: 'string', format: 'uuid' } }, ['id']),
      answers: { 200: answer('It is worth nothing from now on.', object(TOKEN_FIELDS)) },
      handle: async ({ params }: Call<{ id: string }>) => {
        const found = await store.tokens.revoke({ project: door.name, id: params.id.toLowerCase() });
        if (found) return found;
        throw new Problem(404, 'token/unknown', `There is no token ${params.id}`, {
          hint: 'GET /api/v1/tokens lists them.',
        });
      },
    },
  ];
}

/** Milliseconds; null: for ever. */
function lifetimeOf(written: string | undefined): number | null {
  if (written === undefined) return null;
  const ms = parseDuration(written);
  if (ms !== null && ms > 0 && ms < 100 * 366 * 86_400_000) return ms;
  throw new Problem(422, 'api/request', `expires_in wants a time such as 30d or 12h, not ${written}`);
}
