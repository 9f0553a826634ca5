import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';

/**
 * PuTTY's container for private keys, versions 2 and 3 (PuTTY's manual, appendix "PPK file format"), with every cipher and kind of
 * key that SSH still uses.
 */
interface Ppk {
  version: 2 | 3;
  algorithm: string;
  encryption: string;
  comment: string;
  publicBlob: Buffer;
  privateBlob: Buffer;
  mac: Buffer;
  fields: ReadonlyMap<string, string>;
}

/** Why a container gives no key: what `readPpk` throws. */
export class PpkFault extends Error {
  readonly reason: 'passphrase-missing' | 'passphrase-wrong' | 'damaged' | 'kind';

  constructor(reason: PpkFault['reason']) {
    super(reason);
    this.reason = reason;
  }
}

const KEY_BYTES = 32;
const IV_BYTES = 16;
/** Memory (KiB), passes and lanes beyond which a file is no key but an attack on the reader. */
const MOST = { memory: 1_048_576, passes: 1000, parallelism: 64 };

export function isPpk(text: string): boolean {
  return text.startsWith('PuTTY-User-Key-File-');
}

/** The key in a container. Throws PpkFault. */
export async function readPpk(text: string, passphrase: string | undefined): Promise<KeyObject> {
  const ppk = parse(text);
  const isEncrypted = ppk.encryption !== 'none';
  if (isEncrypted && !passphrase) throw new PpkFault('passphrase-missing');
  const secrets = await derive(ppk, isEncrypted ? (passphrase ?? '') : null);
  const plain = isEncrypted ? decipher(ppk, secrets) : ppk.privateBlob;
  if (!isRight(ppk, plain, secrets.mac)) throw new PpkFault(isEncrypted ? 'passphrase-wrong' : 'damaged');
  try {
    return createPrivateKey({
      format: 'jwk',
      key: jwkOf(ppk.algorithm, new Reader(ppk.publicBlob), new Reader(plain)),
    });
  } catch (error) {
    throw error instanceof PpkFault ? error : new PpkFault('damaged');
  }
}

function parse(text: string): Ppk {
  const lines = text.split(/\r\n|\r|\n/);
  const fields = new Map<string, string>();
  for (let at = 0; at < lines.length; at++) {
    const found = /^([\w-]+): (.*)$/.exec(lines[at] ?? '');
    if (!found?.[1]) continue;
    const [, name, value = ''] = found;
    const count = name.endsWith('-Lines') ? Number(value) : 0;
    fields.set(name, count > 0 ? lines.slice(at + 1, at + 1 + count).join('') : value);
    at += count;
  }
  const version = fields.has('PuTTY-User-Key-File-3') ? 3 : 2;
  const field = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw new PpkFault('damaged');
    return value;
  };
  const encryption = field('Encryption');
  if (encryption !== 'none' && encryption !== 'aes256-cbc') throw new PpkFault('kind');
  return {
    version,
    algorithm: field(`PuTTY-User-Key-File-${version}`),
    encryption,
    comment: field('Comment'),
    publicBlob: Buffer.from(field('Public-Lines'), 'base64'),
    privateBlob: Buffer.from(field('Private-Lines'), 'base64'),
    mac: Buffer.from(field('Private-MAC'), 'hex'),
    fields,
  };
}

interface Secrets {
  key: Buffer;
  iv: Buffer;
  mac: Buffer;
}

async function derive(ppk: Ppk, passphrase: string | null): Promise<Secrets> {
  if (ppk.version === 2) {
    const sha1 = (...parts: (string | Buffer)[]) =>
      parts.reduce((hash, part) => hash.update(part), createHash('sha1')).digest();
    const part = (n: number) => sha1(Buffer.from([0, 0, 0, n]), passphrase ?? '');
    const key = Buffer.concat([part(0), part(1)]).subarray(0, KEY_BYTES);
    return { key, iv: Buffer.alloc(IV_BYTES), mac: sha1('putty-private-key-file-mac-key', passphrase ?? '') };
  }
  if (passphrase === null) return { key: Buffer.alloc(0), iv: Buffer.alloc(0), mac: Buffer.alloc(0) };
  const number = (name: keyof typeof MOST, field: string) => {
    const value = Number(ppk.fields.get(field));
    if (!Number.isInteger(value) || value < 1 || value > MOST[name]) throw new PpkFault('damaged');
    return value;
  };
  const options = {
    m: number('memory', 'Argon2-Memory'),
    t: number('passes', 'Argon2-Passes'),
    p: number('parallelism', 'Argon2-Parallelism'),
    dkLen: KEY_BYTES + IV_BYTES + 32,
  };
  const salt = Buffer.from(ppk.fields.get('Argon2-Salt') ?? '', 'hex');
  const kinds = await import('@noble/hashes/argon2.js');
  const kind = { Argon2id: kinds.argon2idAsync, Argon2i: kinds.argon2iAsync, Argon2d: kinds.argon2dAsync }[
    ppk.fields.get('Key-Derivation') ?? ''
  ];
  if (!kind) throw new PpkFault('kind');
  const all = Buffer.from(await kind(Buffer.from(passphrase), salt, options));
  return {
    key: all.subarray(0, KEY_BYTES),
    iv: all.subarray(KEY_BYTES, KEY_BYTES + IV_BYTES),
    mac: all.subarray(KEY_BYTES + IV_BYTES),
  };
}

function decipher({ privateBlob }: Ppk, { key, iv }: Secrets): Buffer {
  try {
    const cipher = createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false);
    return Buffer.concat([cipher.update(privateBlob), cipher.final()]);
  } catch {
    throw new PpkFault('damaged');
  }
}

function isRight(ppk: Ppk, plain: Buffer, key: Buffer): boolean {
  const parts = [ppk.algorithm, ppk.encryption, ppk.comment, ppk.publicBlob, plain];
  const mac = createHmac(ppk.version === 3 ? 'sha256' : 'sha1', key);
  for (const part of parts) {
    const bytes = Buffer.from(part as string);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    mac.update(length).update(bytes);
  }
  const wanted = mac.digest();
  return wanted.length === ppk.mac.length && timingSafeEqual(wanted, ppk.mac);
}

/** Values as SSH writes them (RFC 4251, 5): a length and that many bytes. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  string(): Buffer {
    if (this.#at + 4 > this.#bytes.length) throw new PpkFault('damaged');
    const end = this.#at + 4 + this.#bytes.readUInt32BE(this.#at);
    if (end > this.#bytes.length) throw new PpkFault('damaged');
    const value = this.#bytes.subarray(this.#at + 4, end);
    this.#at = end;
    return value;
  }

  integer(): bigint {
    return BigInt(`0x${this.string().toString('hex') || '0'}`);
  }
}

const CURVES: Readonly<Record<string, { crv: string; bytes: number }>> = {
  'ecdsa-sha2-nistp256': { crv: 'P-256', bytes: 32 },
  'ecdsa-sha2-nistp384': { crv: 'P-384', bytes: 48 },
  'ecdsa-sha2-nistp521': { crv: 'P-521', bytes: 66 },
};

function jwkOf(algorithm: string, open: Reader, secret: Reader): Record<string, string> {
  open.string();
  if (algorithm === 'ssh-ed25519') {
    const x = open.string().toString('base64url');
    return { kty: 'OKP', crv: 'Ed25519', x, d: secret.string().subarray(0, 32).toString('base64url') };
  }
  const curve = CURVES[algorithm];
  if (curve) {
    open.string();
    const point = open.string().subarray(1);
    const [x, y] = [point.subarray(0, curve.bytes), point.subarray(curve.bytes)];
    const d = encode(secret.integer(), curve.bytes);
    return { kty: 'EC', crv: curve.crv, x: x.toString('base64url'), y: y.toString('base64url'), d };
  }
  if (algorithm !== 'ssh-rsa') throw new PpkFault('kind');
  const [e, n] = [open.integer(), open.integer()];
  const [d, p, q, qi] = [secret.integer(), secret.integer(), secret.integer(), secret.integer()];
  const parts = { n, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi };
  return { kty: 'RSA', ...Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, encode(value, 1)])) };
}

/** The integer's bytes, at least so many. */
function encode(value: bigint, bytes: number): string {
  const hex = value.toString(16);
  const length = Math.max(bytes * 2, hex.length + (hex.length % 2));
  return Buffer.from(hex.padStart(length, '0'), 'hex').toString('base64url');
}
