import { hasRole, type Rights, rightsTo } from '@sluice/core';
import type { SecretStore } from '../secrets/secret-store.ts';
import type { Store } from '../store/store.ts';
import type { Identity, Sessions } from './identity.ts';
import { Problem } from './problems.ts';
import type { ProjectDoor } from './project-door.ts';

/** What every route needs. */
export interface ApiContext {
  store: Store;
  door: ProjectDoor;
  sessions: Sessions;
  /** Keeps secrets that arrive inside a request. */
  secrets: Pick<SecretStore, 'put'>;
  /** Aborted when the server closes: live streams end. */
  closing: AbortSignal;
}

/** Throws where somebody may not do this with the job: as if it did not exist where they may not even see it. */
export async function requireLeave(
  { door }: ApiContext,
  who: Identity,
  deed: keyof Rights,
  job: { name: string; file: string; tags: readonly string[] },
): Promise<void> {
  const { access } = await door.settings();
  const rights = rightsTo(access, job, who);
  if (rights[deed]) return;
  if (!rights.view) throw unknownJob(job.name);
  throw new Problem(403, 'api/forbidden', `You may not ${deed} the job ${job.name}`, {
    hint: '`access.rules` of sluice.yaml say who may.',
  });
}

/** Changes of the whole project, which rules about single jobs do not narrow. */
export function requireRole(who: Identity, role: Identity['role']): void {
  if (hasRole(who.role, role)) return;
  throw new Problem(403, 'api/forbidden', `This wants the role ${role}; you have ${who.role}`, {
    hint: 'An admin makes tokens: `sluice token create --role`.',
  });
}

export function unknownJob(name: string): Problem {
  return new Problem(404, 'job/unknown', `There is no job ${name}`, { hint: 'GET /api/v1/jobs lists them.' });
}
