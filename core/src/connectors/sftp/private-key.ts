import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { SluiceError } from '../../model/error.ts';
import { isPpk, PpkFault, readPpk } from './ppk.ts';

/**
 * A private key in a container that the SSH library reads: PKCS#8 and PuTTY's are put into another one, all others pass. Throws
 * `source/auth` without anything of the key.
 */
export async function readableKey(text: string, passphrase: string | undefined): Promise<string> {
  const trimmed = broken(text.trim());
  if (
    /^(?:ssh-|ecdsa-|-----BEGIN (?:SSH2 )?PUBLIC KEY)/.test(trimmed) ||
    trimmed.startsWith('---- BEGIN SSH2 PUBLIC')
  ) {
    throw keyError('It is the public key, not the private one.');
  }
  if (isPpk(trimmed)) return contained(await puttyKey(trimmed, passphrase));
  if (/^chacha20-/.test(cipherOf(trimmed)))
    throw keyError('It is encrypted by ChaCha20; give it another cipher: `ssh-keygen -p -Z aes256-ctr -f FILE`.');
  if (!/^-----BEGIN (?:ENCRYPTED )?PRIVATE KEY-----/.test(trimmed)) return `${trimmed}\n`;
  const isEncrypted = trimmed.startsWith('-----BEGIN ENCRYPTED');
  if (isEncrypted && passphrase === undefined) throw keyError('It is encrypted: a passphrase is needed.');
  let key: KeyObject;
  try {
    key = createPrivateKey({
      key: trimmed,
      format: 'pem',
      ...(isEncrypted && passphrase !== undefined ? { passphrase } : {}),
    });
  } catch {
    throw keyError(isEncrypted ? 'Its passphrase is wrong.' : 'It cannot be read.');
  }
  return contained(key);
}

/** Variables of one line hold line ends as `\\n`; no key has a backslash. */
function broken(text: string): string {
  return text.includes('\n') ? text : text.replaceAll('\\r', '').replaceAll('\\n', '\n');
}

/** The name of the cipher that an OpenSSH container (PROTOCOL.key) states first; empty in others. */
function cipherOf(text: string): string {
  const body = /^-----BEGIN OPENSSH PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)/.exec(text)?.[1];
  const bytes = Buffer.from((body ?? '').slice(0, 200), 'base64');
  const start = 'openssh-key-v1\0'.length + 4;
  return bytes.length < start ? '' : bytes.toString('latin1', start, start + bytes.readUInt32BE(start - 4));
}

async function puttyKey(text: string, passphrase: string | undefined): Promise<KeyObject> {
  try {
    return await readPpk(text, passphrase);
  } catch (error) {
    if (!(error instanceof PpkFault)) throw error;
    const reasons: Record<PpkFault['reason'], string> = {
      'passphrase-missing': 'It is encrypted: a passphrase is needed.',
      'passphrase-wrong': 'Its passphrase is wrong.',
      damaged: 'It cannot be read: it is damaged.',
      kind: 'Its kind, or how it is encrypted, is not known.',
    };
    throw keyError(reasons[error.reason]);
  }
}

function contained(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return String(key.export({ type: 'pkcs1', format: 'pem' }));
  if (key.asymmetricKeyType === 'ec') return String(key.export({ type: 'sec1', format: 'pem' }));
  if (key.asymmetricKeyType === 'ed25519') return openSsh(key);
  throw keyError(`Its kind (${key.asymmetricKeyType}) is not one that SSH uses.`);
}

/** What the SSH library says of a key that it cannot use; null where it speaks of something else. */
export function keyFault(message: string, passphrase: string | undefined): SluiceError | null {
  if (!/privateKey|private .*key|passphrase|bad decrypt/i.test(message)) return null;
  if (/no passphrase/i.test(message)) return keyError('It is encrypted: a passphrase is needed.');
  if (
    passphrase !== undefined &&
    /integrity|unable to authenticate|bad decrypt|decrypt|passphrase|wrong final block/i.test(message)
  )
    return keyError('Its passphrase is wrong.');
  return keyError('It cannot be read: it is damaged, or of a container that is not known.');
}

function keyError(reason: string): SluiceError {
  return new SluiceError('source/auth', 'config', `The private key cannot be used. ${reason}`, {
    hint: 'Check `private_key` or `private_key_file`, and `passphrase`.',
  });
}

/** OpenSSH's own container (PROTOCOL.key) around an Ed25519 key. */
function openSsh(key: KeyObject): string {
  const { d = '', x = '' } = key.export({ format: 'jwk' });
  const [secret, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')];
  const type = string(Buffer.from('ssh-ed25519'));
  const publicKey = Buffer.concat([type, string(point)]);
  const check = randomBytes(4);
  const inner = [check, check, publicKey, string(Buffer.concat([secret, point])), string(Buffer.alloc(0))];
  const length = inner.reduce((sum, part) => sum + part.length, 0);
  const padding = Buffer.from(Array.from({ length: (8 - (length % 8)) % 8 }, (_, i) => i + 1));
  const none = string(Buffer.from('none'));
  const head = [Buffer.from('openssh-key-v1\0'), none, none, string(Buffer.alloc(0)), Buffer.from([0, 0, 0, 1])];
  const whole = Buffer.concat([...head, string(publicKey), string(Buffer.concat([...inner, padding]))]);
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

function string(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
