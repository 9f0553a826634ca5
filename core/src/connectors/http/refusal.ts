import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { SluiceError } from '../../model/error.ts';

const SNIPPET = 300;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  url: URL;
  body: Readable;
}

/** What an answer with an error status says to the user; `redact` takes secrets out of the server's words. */
export async function refusal(answer: Answer, label: string, redact: (text: string) => string): Promise<SluiceError> {
  const words = redact(await snippet(answer));
  const { status } = answer;
  const said = `${label} answers ${status}${words === '' ? '' : `: ${words}`}`;
  const say = (code: string, kind: 'config' | 'transient', hint: string) => new SluiceError(code, kind, said, { hint });
  if (status === 401) return say('source/auth', 'config', 'Check `auth` of the connection.');
  if (status === 403)
    return say('source/permission', 'config', 'Give the account the right to read this, and check `auth`.');
  if (status === 404 || status === 410) return say('source/missing', 'config', 'Check `base_url` and `path`.');
  if (status === 429) return say('source/rate-limited', 'transient', 'Set `rate_limit`, or run again later.');
  if (status === 408 || status === 425 || status >= 500)
    return say('source/unavailable', 'transient', 'Run again later.');
  return say('source/failed', 'config', 'Check `method`, `params`, `headers` and `body`.');
}

/** The first words of the server's reason, in one line. */
async function snippet(answer: Answer): Promise<string> {
  const type = answer.headers['content-type'] ?? '';
  let text = '';
  try {
    for await (const chunk of answer.body) {
      text += String(chunk);
      if (text.length > SNIPPET * 4) break;
    }
  } catch {
    // What it says is not needed to go on.
  }
  answer.body.destroy();
  if (!/json|text\/plain|xml/.test(type)) return '';
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, SNIPPET);
}
