import { globMatcher } from '../model/glob.ts';
import type { Access, Role } from '../model/project.ts';

/** Who asks. */
export interface Principal {
  role: Role;
  /** Name of the user, where a person signed in; name of the token, where a token was used. */
  user: string | null;
  token: string | null;
  groups: readonly string[];
}

/** What someone may do with a job. */
export interface Rights {
  view: boolean;
  run: boolean;
  edit: boolean;
}

const RANK: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, editor: 2, admin: 3 };

/** Whether a role is the wanted one or a higher one. */
export function hasRole(role: Role, wanted: Role): boolean {
  return RANK[role] >= RANK[wanted];
}

/** The role gives a right, and every rule that matches the job may take it away; admins keep all. Who may not view may do nothing. */
export function rightsTo(access: Access, job: { file: string; tags: readonly string[] }, who: Principal): Rights {
  const rules = access.rules.filter(
    ({ path, tags }) =>
      (path.length === 0 || globMatcher(path)(job.file)) && tags.every((tag) => job.tags.includes(tag)),
  );
  const admin = who.role === 'admin';
  const named = (key: keyof Rights): boolean =>
    admin || rules.every((rule) => rule[key] === null || (rule[key] ?? []).some((name) => isNamed(name, who)));
  const view = named('view');
  return {
    view,
    run: view && hasRole(who.role, 'operator') && named('run'),
    edit: view && hasRole(who.role, 'editor') && named('edit'),
  };
}

function isNamed(name: string, who: Principal): boolean {
  const at = name.indexOf(':');
  const [kind, value] = [name.slice(0, at), name.slice(at + 1)];
  switch (kind) {
    case 'user':
      return who.user === value;
    case 'token':
      return who.token === value;
    case 'group':
      return who.groups.includes(value);
    default:
      return Object.hasOwn(RANK, value) && hasRole(who.role, value as Role);
  }
}

/**
 * The role and groups of a token's claims: the highest role of the groups that `roles` names. null: none of them has one. Anyone's
 * claims may be given; that they are signed is for the caller to see to.
 */
export function principalOf(
  oidc: NonNullable<Access['oidc']>,
  claims: Readonly<Record<string, unknown>>,
): Principal | null {
  const found = oidc.groups_claim.split('.').reduce<unknown>(inside, claims);
  const groups = (Array.isArray(found) ? found : [found]).filter((group): group is string => typeof group === 'string');
  const roles = groups.flatMap((group) => (Object.hasOwn(oidc.roles, group) ? (oidc.roles[group] ?? []) : []));
  const [role] = roles.sort((a, b) => RANK[b] - RANK[a]);
  if (role === undefined) return null;
  const user = [claims[oidc.user_claim], claims.sub].find((name) => typeof name === 'string');
  return { role, user: typeof user === 'string' ? user : null, token: null, groups };
}

function inside(value: unknown, key: string): unknown {
  const known = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
  return known ? (value as Record<string, unknown>)[key] : undefined;
}
