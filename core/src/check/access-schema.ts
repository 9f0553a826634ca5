import type { Schema } from '../spec/schema.ts';
import { RUNTIME_SCHEMAS } from './host.ts';
import { jobMatch } from './match-schema.ts';
import { object } from './object-schema.ts';

/** From the least to the most. */
export const ROLES = ['viewer', 'operator', 'editor', 'admin'] as const;

const ROLE_TEXTS = [
  'Sees jobs, runs and logs.',
  'Also starts, stops, pauses, backfills and replays.',
  'Also creates, changes and deletes jobs.',
  'Also tokens, restore and the audit trail.',
] as const;

const who: Schema = {
  type: 'array',
  'x-shorthand': '',
  items: {
    type: 'string',
    pattern: '^(?:user|group|token|role):\\S.*$',
    description: 'Write `group:NAME`, `user:NAME`, `token:NAME` or `role:ROLE` (that role or a higher one).',
    examples: ['group:crm-team'],
  },
};

const oidc: Schema = object(
  'Sign-in with tokens of an OpenID Connect issuer, beside those of `sluice token`.',
  {
    issuer: {
      type: 'string',
      'x-kind': 'url',
      minLength: 1,
      description: 'Address of the issuer, whose `/.well-known/openid-configuration` names its keys.',
    },
    audience: { type: 'string', minLength: 1, description: 'The `aud` that a token must have.' },
    groups_claim: {
      type: 'string',
      minLength: 1,
      default: 'groups',
      description: "Claim that lists the user's groups; a dot leads into an object: `realm_access.roles`.",
    },
    user_claim: {
      type: 'string',
      minLength: 1,
      default: 'email',
      description: 'Claim that names the user; `sub` where a token lacks it.',
    },
    roles: {
      type: 'object',
      description: 'The role of each group. Who is in several has the highest; who is in none has no access.',
      additionalProperties: { type: 'string', enum: ROLES, 'x-enum-text': ROLE_TEXTS },
    },
  },
  ['issuer', 'audience', 'roles'],
);
RUNTIME_SCHEMAS.add(oidc);

const rule: Schema = object('Narrows who may do what with the jobs that it matches.', {
  match: jobMatch,
  view: { ...who, description: 'Who sees the job at all; for others it does not exist. Left out: not narrowed.' },
  run: { ...who, description: 'Who starts, stops, pauses, backfills and replays it. Left out: not narrowed.' },
  edit: { ...who, description: 'Who changes and deletes it through the API. Left out: not narrowed.' },
});

/** `access` of sluice.yaml. */
export const access: Schema = {
  ...object(
    'Who may do what through the API. It stands here and not in job files, so that the owners of this file guard it.',
    {
      oidc,
      rules: {
        type: 'array',
        items: rule,
        description:
          'Every rule that matches a job counts. A rule takes away and never gives: the role is needed as well. Admins are not narrowed.',
      },
    },
  ),
  'x-synonyms': { sso: 'oidc', openid: 'oidc', permissions: 'rules', grants: 'rules', policies: 'rules' },
};

const hookSecret: Schema = {
  type: 'string',
  'x-kind': 'secret',
  minLength: 1,
  description: 'Key of the signatures of the git host at `POST /api/v1/hooks/git`. Left out: the hook is refused.',
};
RUNTIME_SCHEMAS.add(hookSecret);

const url: Schema = {
  type: 'string',
  'x-kind': 'url',
  minLength: 1,
  description:
    'Address at which people reach the daemon, for links in notifications and as a name that the API answers to.',
};
RUNTIME_SCHEMAS.add(url);

/** `api` of sluice.yaml. */
export const api: Schema = {
  ...object('The HTTP API of the daemon.', {
    writes: {
      type: 'string',
      enum: ['on', 'off'],
      'x-enum-text': [
        'Jobs may be created, changed and deleted through the API, which writes files of the project folder.',
        'Such requests answer 409 with the YAML for a pull request. So it always is for a daemon on a git revision.',
      ],
      'x-value-synonyms': {
        true: 'on',
        false: 'off',
        yes: 'on',
        no: 'off',
        enabled: 'on',
        disabled: 'off',
        readonly: 'off',
      },
      default: 'on',
      description: 'Whether the API changes files.',
    },
    url,
    hook_secret: hookSecret,
  }),
  'x-synonyms': {
    read_only: 'writes',
    readonly: 'writes',
    write: 'writes',
    base_url: 'url',
    public_url: 'url',
    webhook_secret: 'hook_secret',
  },
};
