import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

export interface AwsSettings {
  region: string | undefined;
  endpoint: string | undefined;
  /** null: as the AWS command line finds them. */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | null;
}

/** The text of a secret; null: it has no value yet. Throws the client's own errors. */
export async function secretText(
  { region, endpoint, credentials }: AwsSettings,
  id: string,
  signal: AbortSignal,
): Promise<string | null> {
  const client = new SecretsManagerClient({
    ...(region ? { region } : {}),
    ...(endpoint ? { endpoint } : {}),
    ...(credentials ? { credentials } : {}),
    maxAttempts: 3,
  });
  try {
    const answer = await client.send(new GetSecretValueCommand({ SecretId: id }), { abortSignal: signal });
    if (answer.SecretString !== undefined) return answer.SecretString;
    return answer.SecretBinary === undefined ? null : Buffer.from(answer.SecretBinary).toString('utf8');
  } finally {
    client.destroy();
  }
}
