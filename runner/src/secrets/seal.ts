import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { SecretKey } from './keys.ts';

const NONCE = 12;
const TAG = 16;

/**
 * Seals a text with AES-256-GCM under a nonce of its own. `place` is authenticated with it: what was sealed for one place does not
 * open at another. Base64 of nonce, ciphertext and tag.
 */
export function seal(key: SecretKey, place: readonly string[], text: string): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce);
  cipher.setAAD(Buffer.from(JSON.stringify(place)));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64');
}

/** The text again; null where it was sealed with another key or for another place, or was changed. */
export function unseal(key: SecretKey, place: readonly string[], sealed: string): string | null {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < NONCE + TAG) return null;
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAAD(Buffer.from(JSON.stringify(place)));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE, bytes.length - TAG)), decipher.final()]).toString(
      'utf8',
    );
  } catch {
    return null;
  }
}
