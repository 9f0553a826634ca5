import { channelTypes } from '../check/channel-schema.ts';
import { plainOf } from '../check/plain.ts';
import { type Scope, textsOf } from '../check/scope.ts';
import { providerTypes } from '../check/secrets-schema.ts';
import type { TypedSettings } from '../model/job.ts';
import type { Access, AccessRule, Oidc, ProjectSettings, Role } from '../model/project.ts';
import type { Schema } from '../spec/schema.ts';
import { child, itemsOf, type MapNode, type Node, textOf } from '../text/node.ts';
import { typedSettings } from './settings.ts';

/**
 * `access`, `api`, `channels` and `secrets` of sluice.yaml in one target, with their defaults. It is to be asked of a sluice.yaml
 * without errors: what is wrong is left out here.
 */
export function projectSettings(scope: Scope): ProjectSettings {
  const { root } = scope;
  return {
    access: accessOf(root),
    api: {
      writes: textOf(root, 'api', 'writes') === 'off' ? 'off' : 'on',
      url: textOf(root, 'api', 'url') ?? null,
      hook_secret: textOf(root, 'api', 'hook_secret') ?? null,
    },
    channels: typed(scope.channels, channelTypes),
    secrets: typed(scope.secrets, providerTypes),
  };
}

function typed(entries: Scope['channels'], types: Readonly<Record<string, Schema>>): Record<string, TypedSettings> {
  const known = [...entries].filter(([, { type }]) => type !== undefined);
  return Object.fromEntries(known.map(([name, { node }]) => [name, typedSettings(plainOf(node), types)]));
}

function accessOf(root: MapNode | null): Access {
  return { oidc: oidcOf(child(root, 'access', 'oidc')), rules: itemsOf(root, 'access', 'rules').map(ruleOf) };
}

function oidcOf(node: Node | undefined): Oidc | null {
  const [issuer, audience] = [textOf(node, 'issuer'), textOf(node, 'audience')];
  if (issuer === undefined || audience === undefined) return null;
  const roles = child(node, 'roles');
  const entries = roles?.kind === 'map' ? roles.entries : [];
  return {
    issuer,
    audience,
    groups_claim: textOf(node, 'groups_claim') ?? 'groups',
    user_claim: textOf(node, 'user_claim') ?? 'email',
    roles: Object.fromEntries(entries.map(({ key, value }) => [key.source, textOf(value) as Role])),
  };
}

function ruleOf(node: Node): AccessRule {
  const who = (key: string): string[] | null => (child(node, key) ? textsOf(node, key) : null);
  return {
    path: textsOf(node, 'match', 'path'),
    tags: textsOf(node, 'match', 'tags'),
    view: who('view'),
    run: who('run'),
    edit: who('edit'),
  };
}
