import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { isAbsolute, resolve } from 'node:path';
import { Client, FTPError } from 'basic-ftp';
import { SluiceError } from '../../model/error.ts';
import { isLost, networkError } from '../shared/network.ts';

export interface FtpSettings {
  host: string;
  port?: number;
  user?: string;
  password?: string;
  tls?: 'none' | 'explicit' | 'implicit';
  ssl_ca?: string;
  root?: string;
}

/** Silence after which a connection is given up. */
const SILENCE_MS = 30_000;

/** Logs in. Throws SluiceErrors that say what is wrong, without the password. */
export async function openFtp(settings: FtpSettings, projectDir: string): Promise<Client> {
  const { host, user = 'anonymous', password = 'anonymous', tls = 'none', ssl_ca: file } = settings;
  const port = settings.port ?? (tls === 'implicit' ? 990 : 21);
  const ca = file === undefined ? undefined : await certificates(file, projectDir);
  const client = new Client(SILENCE_MS);
  staysWithHost(client);
  const options = { host, servername: isIPv4(host) ? '' : host, ...(ca === undefined ? {} : { ca }) };
  try {
    if (tls === 'implicit') await client.connectImplicitTLS(host, port, options);
    else await client.connect(host, port);
    if (tls === 'explicit') await encrypted(client, options, `${host}:${port}`);
    await client.login(user, password);
    await client.useDefaultSettings();
    return client;
  } catch (error) {
    client.close();
    throw explainFtp(error, settings, null);
  }
}

/** A server that refuses AUTH has its own codes for it, and some say that one has to log in first. */
async function encrypted(client: Client, options: Parameters<Client['useTLS']>[0], address: string): Promise<void> {
  try {
    await client.useTLS(options);
  } catch (error) {
    if (!(error instanceof FTPError)) throw error;
    throw new SluiceError('source/tls', 'config', `${address} does not encrypt: it answers ${error.code} to AUTH TLS`, {
      hint: 'Use `tls: implicit` or `none`.',
      cause: error,
    });
  }
}

/** Data connections go to the server itself: behind a router it names an address that only it can reach. */
function staysWithHost(client: Client): void {
  const { ftp } = client;
  const request = ftp.request.bind(ftp);
  ftp.request = async (command: string) => {
    const answer = await request(command);
    const own = ftp.socket.remoteAddress?.replace(/^::ffff:/i, '') ?? '';
    if (command !== 'PASV' || !isIPv4(own)) return answer;
    const message = answer.message.replace(/\d+,\d+,\d+,\d+(?=,\d+,\d+)/, own.replaceAll('.', ','));
    return { ...answer, message };
  };
}

async function certificates(file: string, projectDir: string): Promise<string> {
  const path = isAbsolute(file) ? file : resolve(projectDir, file);
  return readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new SluiceError('source/settings', 'config', `\`ssl_ca\` ${file} cannot be read: ${cause.code}`, {
      hint: 'Check the path.',
    });
  });
}

/** Whether a transfer that ended so may go on over a new connection. */
export function isBroken(error: unknown): boolean {
  if (error instanceof SluiceError) return error.code === 'source/lost';
  if (error instanceof FTPError) return [421, 425, 426, 450, 451].includes(error.code);
  const message = error instanceof Error ? error.message : '';
  return (
    isLost(error) || /timeout|client is closed|closed.*connection|connection.*closed|server sent FIN/i.test(message)
  );
}

/** What an error says to the user; `path` null: of the connection. */
export function explainFtp(error: unknown, settings: FtpSettings, path: string | null): Error {
  if (error instanceof SluiceError) return error;
  const { host, user = 'anonymous', tls = 'none' } = settings;
  const address = `${host}:${settings.port ?? (tls === 'implicit' ? 990 : 21)}`;
  const where = path === null ? {} : { path };
  const say = (name: string, kind: 'config' | 'transient', text: string, hint: string) =>
    new SluiceError(`source/${name}`, kind, text, { where, hint, cause: error });
  if (error instanceof FTPError) {
    if (error.code === 530 && path === null)
      return say(
        'auth',
        'config',
        `${address} refuses user ${user}`,
        'Check `user` and `password`; some servers want `tls: explicit`.',
      );
    if (error.code === 550 || error.code === 553)
      return say(
        'gone',
        'transient',
        `${path ?? address} is not there or may not be read`,
        'Check the path and the rights of the user.',
      );
    return say(
      'failed',
      isBroken(error) ? 'transient' : 'config',
      `${path ?? address}: the server answers ${error.code}`,
      'Look what the server allows.',
    );
  }
  const network = networkError(error, address);
  if (network && network.code !== 'source/lost') return network;
  const what = path === null ? `The connection to ${address}` : `The connection to ${address}, at ${path},`;
  const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return say(
    'lost',
    'transient',
    `${what} was lost or gave no answer: ${message}`,
    'Check host, port, `tls` and the firewall (passive ports); run again.',
  );
}
