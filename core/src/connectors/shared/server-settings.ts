import { schema } from '../../spec/schema.ts';

/** Keys that connections to servers share; each system says its own defaults in the descriptions. */
export function serverUrl(forms: string, example: string) {
  return {
    type: 'string',
    'x-kind': 'secret',
    minLength: 1,
    description: `${forms} Other keys beside it win over its parts.`,
    examples: [example],
  } as const;
}

export function serverPort(text: string) {
  return { type: 'integer', minimum: 1, maximum: 65535, description: `Port (${text}).` } as const;
}

export function serverPassword(example: string) {
  return { type: 'string', 'x-kind': 'secret', description: 'Password.', examples: [example] } as const;
}

export const sslMode = schema({
  type: 'string',
  enum: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'],
  'x-enum-text': [
    'Never encrypted.',
    'Encrypted where the server offers it; not on this machine itself.',
    'Always encrypted; the certificate is not checked.',
    'Encrypted, and the certificate is signed by a known authority.',
    'As verify-ca, and the certificate is made out to the host.',
  ],
  description: 'How the connection is encrypted (prefer).',
});

export const sslAuthorities = schema({
  type: 'string',
  'x-kind': 'path',
  minLength: 1,
  description: 'File with the certificates of the authorities to trust, instead of those that the system trusts.',
});

/** What is set in each session. */
export function sessionOptions(description: string, example: Readonly<Record<string, string>>) {
  return { type: 'object', additionalProperties: { type: 'string' }, description, examples: [example] } as const;
}
