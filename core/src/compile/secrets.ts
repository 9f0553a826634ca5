import { plainOf } from '../check/plain.ts';
import type { Scope } from '../check/scope.ts';
import { providerTypes } from '../check/secrets-schema.ts';
import type { TypedSettings } from '../model/job.ts';
import type { Json } from '../model/json.ts';
import { secretAddress, textParts } from '../model/reference.ts';
import { typedSettings } from './settings.ts';

/** What `${secret:…}` name in a value, each once: `provider/path#key`. */
export function secretNames(value: Json): string[] {
  const found = new Set<string>();
  const visit = (inner: Json): void => {
    if (typeof inner === 'string') {
      if (inner.includes('${secret:'))
        for (const part of textParts(inner)) if (part.kind === 'secret') found.add(part.name);
    } else if (inner !== null && typeof inner === 'object') {
      for (const item of Object.values(inner)) visit(item);
    }
  };
  visit(value);
  return [...found];
}

/** The declared providers that references in a value name. */
export function providersUsed(scope: Scope, value: Json): Record<string, TypedSettings> {
  const names = new Set(secretNames(value).map((name) => secretAddress(name)?.provider ?? ''));
  const used: Record<string, TypedSettings> = {};
  for (const [name, provider] of scope.secrets)
    if (names.has(name)) used[name] = typedSettings(plainOf(provider.node), providerTypes);
  return used;
}
