import { messageOf, type SecretAddress, type SluiceError } from '@sluice/core';
import { type MakeProvider, notFound, pick, refused, unreachable } from './provider.ts';

const PATIENCE_MS = 10_000;
const NETWORK = /^(?:TimeoutError|AbortError|NetworkingError|E[A-Z_]+|InternalServiceError\w*|ThrottlingException)$/;

/** AWS Secrets Manager by Amazon's own client, which is loaded with the first secret. Each secret is read once. */
export const makeAws: MakeProvider = ({ settings, name }) => {
  const text = (key: string): string | undefined => (typeof settings[key] === 'string' ? settings[key] : undefined);
  const known = new Map<string, Promise<string>>();

  async function fetchSecret(address: SecretAddress, signal: AbortSignal): Promise<string> {
    // It would be written to the stderr of each run.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
    const { secretText } = await import('./aws-client.ts');
    const [id, key, session] = [text('access_key_id'), text('secret_access_key'), text('session_token')];
    const given = id && key ? { accessKeyId: id, secretAccessKey: key } : null;
    const credentials = given && session ? { ...given, sessionToken: session } : given;
    const access = { region: text('region'), endpoint: text('endpoint'), credentials };
    const both = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const found = await secretText(access, address.path, both).catch((error: unknown) => {
      signal.throwIfAborted();
      throw told(address, error, name);
    });
    if (found === null) throw notFound(address, 'The secret has no value yet.');
    return found;
  }

  return {
    async read(address, signal) {
      const found = known.get(address.path) ?? fetchSecret(address, signal);
      known.set(address.path, found);
      return pick(address, await found);
    },
  };
};

function told(address: SecretAddress, error: unknown, name: string): SluiceError {
  const {
    name: kind = '',
    code = '',
    $metadata,
  } = error as { name?: string; code?: string; $metadata?: { httpStatusCode?: number } };
  if (kind === 'ResourceNotFoundException')
    return notFound(address, `AWS knows no such secret in this region: check \`region\` of \`${name}\` and the name.`);
  if (NETWORK.test(kind) || NETWORK.test(code) || ($metadata?.httpStatusCode ?? 0) >= 500)
    return unreachable(address, code || kind);
  const cause = $metadata?.httpStatusCode === undefined ? messageOf(error) : kind;
  return refused(
    address,
    cause,
    `Check region and credentials of \`${name}\`, and the right secretsmanager:GetSecretValue.`,
  );
}
