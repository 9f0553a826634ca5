import type { TypedSettings } from './job.ts';

export type Role = 'viewer' | 'operator' | 'editor' | 'admin';

/** What sluice.yaml says about the daemon rather than about jobs. Plain JSON; references are kept. */
export interface ProjectSettings {
  access: Access;
  api: Api;
  channels: Record<string, TypedSettings>;
  secrets: Record<string, TypedSettings>;
}

export interface Access {
  /** null: tokens of `sluice token` alone. */
  oidc: Oidc | null;
  rules: AccessRule[];
}

export interface Oidc {
  issuer: string;
  audience: string;
  groups_claim: string;
  user_claim: string;
  /** Group → role. */
  roles: Record<string, Role>;
}

export interface AccessRule {
  /** Patterns of job files, and tags of which a job carries all; both empty: every job. */
  path: string[];
  tags: string[];
  /** `user:`, `group:`, `token:` or `role:` and a name; null: not narrowed. */
  view: string[] | null;
  run: string[] | null;
  edit: string[] | null;
}

export interface Api {
  writes: 'on' | 'off';
  /** Address at which people reach the daemon. */
  url: string | null;
  /** Key of the git host's signatures; null: the hook is refused. */
  hook_secret: string | null;
}
