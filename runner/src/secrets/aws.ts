import { messageOf, type SecretAddress } from '@sluice/core';
import { type MakeProvider, notFound, pick, refused, unreachable } from './provider.ts';

const PATIENCE_MS = 10_000;
const NETWORK = /^(?:TimeoutError|AbortError|NetworkingError|E[A-Z_]+|InternalServiceError\w*|ThrottlingException)$/;

/** AWS Secrets Manager by Amazon's own client, which is loaded with the first secret. Each secret is read once. */
export const makeAws: MakeProvider = ({ settings, name }) => {
  const text = (key: string): string | undefined => (typeof settings[key] === 'string' ? settings[key] : undefined);
  const known = new Map<string, Promise<string>>();

  async function fetchSecret(address: SecretAddress, signal: AbortSignal): Promise<string> {
    const { SecretsManagerClient, GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
    const [region, endpoint, id, key, session] = ['region', 'endpoint', 'access_key_id', 'secret_access_key', 'session_token'].map(text);
    const credentials = id && key ? { accessKeyId: id, secretAccessKey: key, ...(session ? { sessionToken: session } : {}) } : undefined;
    const client = new SecretsManagerClient({
      ...(region ? { region } : {}),
      ...(endpoint ? { endpoint } : {}),
      ...(credentials ? { credentials } : {}),
      maxAttempts: 3,
    });
    try {
      const both = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
      const answer = await client.send(new GetSecretValueCommand({ SecretId: address.path }), { abortSignal: both });
      if (answer.SecretString !== undefined) return answer.SecretString;
      if (answer.SecretBinary !== undefined) return Buffer.from(answer.SecretBinary).toString('utf8');
      throw notFound(address, 'The secret has no value yet.');
    } catch (error) {
      signal.throwIfAborted();
      throw told(address, error, name);
    } finally {
      client.destroy();
    }
  }

  return {
    async read(address, signal) {
      const found = known.get(address.path) ?? fetchSecret(address, signal);
      known.set(address.path, found);
      return pick(address, await found);
    },
  };
};

function told(address: SecretAddress, error: unknown, name: string): unknown {
  const { name: kind = '', code = '', $metadata } = error as { name?: string; code?: string; $metadata?: { httpStatusCode?: number } };
  if (kind === 'SluiceError') return error;
  if (kind === 'ResourceNotFoundException')
    return notFound(address, `AWS knows no such secret in this region: check \`region\` of \`${name}\` and the name.`);
  if (NETWORK.test(kind) || NETWORK.test(code) || ($metadata?.httpStatusCode ?? 0) >= 500)
    return unreachable(address, code || kind);
  const cause = $metadata?.httpStatusCode === undefined ? messageOf(error) : kind;
  return refused(address, cause, `Check region and credentials of \`${name}\`, and the right secretsmanager:GetSecretValue.`);
}
