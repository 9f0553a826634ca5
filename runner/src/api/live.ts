import { once } from 'node:events';
import type { Call, LiveSocket } from './route.ts';

/** One thing that a live stream hands out. */
export interface LiveEvent {
  /** Where a reader goes on after it. */
  id: string;
  type: string;
  data: object;
}

const BEAT_MS = 15_000;
const MOST_BUFFERED = 1 << 20;
const LOOK_MS = 50;

/** Where a reader wants to go on: the header that browsers send again, else `after`. */
export function resumeFrom({ request, query }: Pick<Call, 'request' | 'query'>): string | undefined {
  const header = request.headers['last-event-id'];
  const after = (query as { after?: string }).after;
  return typeof header === 'string' && header !== '' ? header : after;
}

/** Sends events as they come (`text/event-stream`); ends with the events. */
export async function sendEvents(
  { reply, signal }: Pick<Call, 'reply' | 'signal'>,
  events: AsyncIterable<LiveEvent>,
): Promise<void> {
  const headers = Object.fromEntries(Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined));
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // Proxies that hold an answer back until it is whole would hold it for ever.
    'x-accel-buffering': 'no',
  } as Record<string, string>);
  raw.write(': connected\n\n');
  const beat = setInterval(() => raw.write(': alive\n\n'), BEAT_MS);
  try {
    for await (const { id, type, data } of events) {
      const more = raw.write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
      if (!more && !signal.aborted) await once(raw, 'drain', { signal }).catch(() => undefined);
    }
  } finally {
    clearInterval(beat);
    raw.end();
  }
}

/** Sends the same events over a WebSocket, each a text of JSON. */
export async function sendMessages(
  socket: LiveSocket,
  events: AsyncIterable<LiveEvent>,
  signal: AbortSignal,
): Promise<void> {
  for await (const { id, type, data } of events) {
    socket.send(JSON.stringify({ id, type, ...data }));
    while (socket.bufferedAmount > MOST_BUFFERED && !signal.aborted)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
