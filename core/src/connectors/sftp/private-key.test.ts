import { describe, expect, it } from 'vitest';
import { keyFault, readableKey } from './private-key.ts';

const string = (text: string) => `${String.fromCharCode(0, 0, 0, text.length)}${text}`;

/** The head of an OpenSSH container, which names its cipher. */
function container(cipher: string): string {
  const body = Buffer.from(`openssh-key-v1\0${string(cipher)}${string('bcrypt')}${'x'.repeat(300)}`, 'latin1').toString(
    'base64',
  );
  const lines = body.match(/.{1,70}/g) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

describe('readableKey', () => {
  it('names the cipher that the library lacks', async () => {
    const found = await readableKey(container('chacha20-poly1305@openssh.com'), 'x').catch((error: unknown) => error);
    expect(found).toMatchObject({ code: 'source/auth', message: expect.stringContaining('ChaCha20') });
  });

  it.each(['aes256-ctr', 'aes256-gcm@openssh.com', 'none'])('passes %s on', async (cipher) => {
    expect(await readableKey(container(cipher), 'x')).toBe(container(cipher));
  });

  it('takes a key whose line ends are written as a backslash and an n', async () => {
    const key = container('none');
    expect(await readableKey(key.trim().replaceAll('\n', '\\n'), undefined)).toBe(key);
  });
});

it.each(['OpenSSH key integrity check failed -- bad passphrase?', 'Unsupported state or unable to authenticate data'])(
  'a wrong passphrase: %s',
  (reason) => {
    expect(keyFault(`Cannot parse privateKey: ${reason}`, 'x')?.message).toContain('passphrase is wrong');
  },
);
