import { describe, expect, it } from 'vitest';
import { createProject } from '../check/project.ts';
import type { Access } from '../model/project.ts';
import { diff, isEmpty } from '../plan/diff.ts';
import { withoutSecrets } from '../plan/hide.ts';
import { parseDocument } from '../text/parse.ts';
import { type Principal, principalOf, rightsTo } from './access.ts';
import { compile } from './compile.ts';
import { projectSettings } from './project-settings.ts';

const PROJECT = `version: 1
name: acme
channels:
  pager: {type: webhook, url: "https://alerts.example.com/\${env:P}", secret: "\${secret:vault/pager#key}"}
  team: {type: slack, url: "\${env:SLACK}"}
  mail: {type: email, host: smtp.example.com, from: a@example.com, to: b@example.com}
secrets:
  vault: {type: vault, address: "https://vault.example.com", token: "\${env:T}"}
  other: {type: aws, region: eu-central-1}
access:
  oidc: {issuer: "https://login.example.com", audience: sluice, roles: {data: editor, ops: operator}}
  rules:
    - match: {path: jobs/crm/**}
      view: [group:data, role:admin]
    - match: {tags: money}
      run: user:jane
api: {writes: off}
`;
const JOB = `name: a
source: {type: local, path: in.csv}
notify: [team, {channel: pager, on: [recovery, failure]}]
sla: {freshness: 26h}
`;

function made(project = PROJECT, text = JOB) {
  const config = parseDocument(project, 'sluice.yaml');
  const document = parseDocument(text, 'jobs/a.yaml');
  const whole = createProject({ config, jobs: [document] });
  return { whole, ...compile(document, whole) };
}

describe('a job with notify and sla', () => {
  it('carries its channels and the providers that they name, references kept', () => {
    const { job, diagnostics } = made();
    expect(diagnostics).toEqual([]);
    expect(job?.sla).toEqual({ freshness_ms: 26 * 3_600_000, max_duration_ms: null });
    expect(job?.notify).toEqual([
      { channel: 'team', on: ['failure', 'recovery', 'lateness'], type: 'slack', settings: { url: '${env:SLACK}' } },
      {
        channel: 'pager',
        on: ['failure', 'recovery'],
        type: 'webhook',
        settings: { url: 'https://alerts.example.com/${env:P}', secret: '${secret:vault/pager#key}' },
      },
    ]);
    expect(Object.keys(job?.secret_providers ?? {})).toEqual(['vault']);
    expect(job?.secret_providers.vault?.settings).toMatchObject({ mount: 'secret', version: 2, token: '${env:T}' });
  });

  it('differs in a plan by what was changed, and not once it is applied', () => {
    const [before, after] = [made().job!, made(PROJECT.replace('alerts.', 'pager.'), JOB.replace('26h', '3h')).job!];
    const set = { project: 'acme', target: 'default', problems: [] };
    const actual = (job: typeof before) => ({ version: 1, jobs: [job] });
    const plan = diff({ ...set, jobs: [after] }, actual(before), 0);
    const paths = plan.changes.flatMap((change) => change.fields.map((field) => field.path));
    expect(paths).toEqual(['notify', 'sla.freshness_ms']);
    expect(isEmpty(diff({ ...set, jobs: [after] }, actual(after), 0))).toBe(true);
  });

  it('shows no secret that a variable brought', () => {
    const { job } = made(
      `${PROJECT.replace('${env:SLACK}', 'https://hooks.example.com/${var:key}/${env:K}')}variables: {key: {default: canary}}\n`,
    );
    expect(JSON.stringify(job)).toContain('canary');
    expect(JSON.stringify(withoutSecrets(job!))).not.toContain('canary');
  });
});

it('gives what sluice.yaml says about the daemon', () => {
  const settings = projectSettings(made().whole.scope());
  expect(settings.api).toEqual({ writes: 'off', url: null, hook_secret: null });
  expect(settings.access.oidc).toMatchObject({
    groups_claim: 'groups',
    user_claim: 'email',
    roles: { data: 'editor' },
  });
  expect(settings.access.rules[1]).toEqual({ path: [], tags: ['money'], view: null, run: ['user:jane'], edit: null });
  expect(settings.channels.mail?.settings).toMatchObject({ port: 587, tls: 'starttls', to: ['b@example.com'] });
  expect(Object.keys(settings.secrets)).toEqual(['vault', 'other']);
});

describe('rights', () => {
  const access: Access = projectSettings(made().whole.scope()).access;
  const who = (role: Principal['role'], more: Partial<Principal> = {}): Principal => ({
    role,
    user: null,
    token: null,
    groups: [],
    ...more,
  });
  const crm = { file: 'jobs/crm/a.yaml', tags: [] };
  const money = { file: 'jobs/b.yaml', tags: ['money'] };

  it.each([
    ['a role gives what it gives', crm, who('editor', { groups: ['data'] }), [true, true, true]],
    ['a rule takes away', crm, who('editor'), [false, false, false]],
    ['and never gives', crm, who('viewer', { groups: ['data'] }), [true, false, false]],
    ['admins keep all', crm, who('admin'), [true, true, true]],
    ['one right by itself', money, who('editor'), [true, false, true]],
    ['by the name of a user', money, who('operator', { user: 'jane' }), [true, true, false]],
    ['elsewhere nothing is narrowed', { file: 'jobs/b.yaml', tags: [] }, who('operator'), [true, true, false]],
  ] as const)('%s', (_, job, principal, [view, run, edit]) => {
    expect(rightsTo(access, job, principal)).toEqual({ view, run, edit });
  });

  it('come from the groups of a token: the highest role counts, and none is no access', () => {
    const claims = { sub: '17', email: 'jane@example.com', groups: ['ops', 'data', 'x'] };
    expect(principalOf(access.oidc!, claims)).toEqual(
      who('editor', { user: 'jane@example.com', groups: claims.groups }),
    );
    expect(principalOf(access.oidc!, { sub: '17', groups: 'ops' })).toMatchObject({ role: 'operator', user: '17' });
    expect(principalOf(access.oidc!, { ...claims, groups: ['__proto__', 'x'] })).toBeNull();
    const nested = { ...access.oidc!, groups_claim: 'realm_access.roles' };
    expect(principalOf(nested, { realm_access: { roles: ['data'] } })).toMatchObject({ role: 'editor' });
  });
});
