import { type Access, projectSettings, resolveReferences, type Scope } from '@sluice/core';
import { valuesFor } from '../repo/values.ts';

/** `access` and `api` of sluice.yaml, as the API uses them. */
export interface ApiSettings {
  access: Access;
  /** Whether the API may change files. */
  writes: boolean;
  /** Address at which people reach the daemon; null: not said. */
  url: string | null;
  /** Key of the git host's signatures; null: the hook is refused. */
  hookSecret: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings, with the values of `${env:…}` and `${file:…}` put in. What has no value counts as left out. */
export function settingsOf({ scope, env, dir }: { scope: Scope; env: Environment; dir: string }): ApiSettings {
  const { access, api } = projectSettings(scope);
  const value = (found: string | null): string | null => {
    const put = resolveReferences(found ?? '', valuesFor({ projectDir: dir, env }, ''));
    return put.missing.length > 0 || put.value === '' ? null : put.value;
  };
  const issuer = value(access.oidc?.issuer ?? null);
  const audience = value(access.oidc?.audience ?? null);
  const oidc = access.oidc && issuer !== null && audience !== null ? { ...access.oidc, issuer, audience } : null;
  return {
    access: { ...access, oidc },
    writes: api.writes === 'on',
    url: value(api.url),
    hookSecret: value(api.hook_secret) ?? (env.SLUICE_HOOK_SECRET || null),
  };
}
