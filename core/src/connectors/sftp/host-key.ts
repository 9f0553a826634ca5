import { createHash, createHmac } from 'node:crypto';
import { escapeRegex } from '../../model/regex.ts';

/** A server's key as `known_hosts` or the settings have it. */
export interface KnownKey {
  type: string;
  blob: Buffer;
}

/** The fingerprint that OpenSSH shows. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The type that stands first in a public key's bytes (RFC 4253, 6.6). */
export function keyType(blob: Buffer): string {
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  return blob.toString('latin1', 4, 4 + Math.min(length, 64));
}

/** Whether a key is the one that is pinned: by its fingerprint, or as a public key. */
export function matchesPin(pin: string, blob: Buffer): boolean {
  const text = pin.trim();
  if (/^SHA256:/i.test(text)) return `SHA256:${text.slice(7).replace(/=+$/, '')}` === fingerprint(blob);
  const md5 = /^(?:MD5:)?((?:[0-9a-f]{2}:){15}[0-9a-f]{2})$/i.exec(text)?.[1];
  if (md5 !== undefined) return createHash('md5').update(blob).digest('hex') === md5.replaceAll(':', '').toLowerCase();
  const encoded = text.split(/\s+/).find((word) => /^[A-Za-z0-9+/]{40,}=*$/.test(word));
  return encoded !== undefined && Buffer.from(encoded, 'base64').equals(blob);
}

/** Keys of a host in the text of a `known_hosts` file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT); revoked ones apart. */
export function knownKeys(text: string, host: string, port: number): { known: KnownKey[]; revoked: KnownKey[] } {
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
  const known: KnownKey[] = [];
  const revoked: KnownKey[] = [];
  for (const line of text.split(/\r?\n/)) {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') ? words.shift() : null;
    const [hosts, type, encoded] = words;
    if (!hosts || hosts.startsWith('#') || !type || !encoded || marker === '@cert-authority') continue;
    if (!matchesHost(hosts, name)) continue;
    (marker === '@revoked' ? revoked : known).push({ type, blob: Buffer.from(encoded, 'base64') });
  }
  return { known, revoked };
}

function matchesHost(patterns: string, name: string): boolean {
  if (patterns.startsWith('|1|')) {
    const [, , salt = '', hash = ''] = patterns.split('|');
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
  }
  let matched = false;
  for (const pattern of patterns.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!');
    const body = negated ? pattern.slice(1) : pattern;
    const regex = new RegExp(`^${escapeRegex(body).replaceAll('\\*', '.*').replaceAll('\\?', '.')}$`);
    if (!regex.test(name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

/** Signature algorithms that a known key can be checked by, so that the server shows that key and not another. */
export function algorithmsOf(keys: readonly KnownKey[]): string[] {
  const names = keys.flatMap(({ type }) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type]));
  return [...new Set(names)];
}
