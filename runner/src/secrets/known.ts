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
