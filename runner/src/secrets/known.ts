import type { ReferenceValues } from '@sluice/core';

/**
 * Every secret that this process has looked up. Whoever writes a text for people takes them out of it, wherever in a job the secret
 * came to stand.
 */
const values = new Set<string>();

export function remember(value: string): void {
  values.add(value);
}

export function knownSecrets(): Iterable<string> {
  return values;
}

/** Names of variables and fields whose values are secrets. */
export const SECRET_NAME = /key|token|secret|passw|pwd|credential|auth/i;
/** Shorter ones are words such as `basic`, which texts have of their own. */
const SHORTEST = 8;

/**
 * The same values, of which those that files hold, and variables with a secret's name, are remembered as they are put in: they may stand
 * where no specification knows of a secret, such as in a header.
 */
export function watched(values: ReferenceValues): ReferenceValues {
  const keep = (value: string | null | undefined): void => {
    if (typeof value === 'string' && value.length >= SHORTEST) remember(value);
  };
  const env = new Proxy(values.env, {
    get(target, name) {
      const value = typeof name === 'string' ? target[name] : undefined;
      if (typeof name === 'string' && SECRET_NAME.test(name)) keep(value);
      return value;
    },
  });
  const file = (path: string): string | null => {
    const value = values.file(path);
    keep(value?.replace(/\r?\n$/, ''));
    return value;
  };
  return { ...values, env, file };
}
