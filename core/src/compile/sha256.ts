const K = new Uint32Array(64);
const START = new Uint32Array(8);

/** The constants are the first bits of the fractions of roots of primes; 2^32 times them is exact enough in doubles. */
function fillConstants(): void {
  let count = 0;
  for (let candidate = 2; count < 64; candidate++) {
    let prime = true;
    for (let i = 2; i * i <= candidate; i++) if (candidate % i === 0) prime = false;
    if (!prime) continue;
    if (count < 8) START[count] = fraction(Math.sqrt(candidate));
    K[count++] = fraction(Math.cbrt(candidate));
  }
}

function fraction(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32) >>> 0;
}

fillConstants();

function rotate(x: number, by: number): number {
  return (x >>> by) | (x << (32 - by));
}

/** SHA-256 of a text's UTF-8 bytes as hex. Where the platform has none that answers at once, as in a browser, our own. */
export function sha256(text: string): string {
  return native ? native('sha256').update(text).digest('hex') : ownSha256(text);
}

const native = globalThis.process?.getBuiltinModule?.('node:crypto')?.createHash;

/** For platforms whose own is asynchronous. */
export function ownSha256(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const blocks = Math.ceil((bytes.length + 9) / 64);
  const data = new DataView(new ArrayBuffer(blocks * 64));
  for (let i = 0; i < bytes.length; i++) data.setUint8(i, bytes[i]!);
  data.setUint8(bytes.length, 0x80);
  data.setBigUint64(blocks * 64 - 8, BigInt(bytes.length) * 8n);
  const hash = START.slice();
  const w = new Uint32Array(64);
  for (let block = 0; block < blocks; block++) round(hash, w, data, block * 64);
  return Array.from(hash, (word) => word.toString(16).padStart(8, '0')).join('');
}

function round(hash: Uint32Array, w: Uint32Array, data: DataView, at: number): void {
  for (let i = 0; i < 16; i++) w[i] = data.getUint32(at + i * 4);
  for (let i = 16; i < 64; i++) {
    const a = w[i - 15]!;
    const b = w[i - 2]!;
    const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3);
    const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10);
    w[i] = w[i - 16]! + s0 + w[i - 7]! + s1;
  }
  let [a, b, c, d, e, f, g, h] = hash as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) hash[i] = hash[i]! + word;
}
