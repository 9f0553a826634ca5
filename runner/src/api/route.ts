import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Role } from '../store/tokens.ts';
import type { Identity } from './identity.ts';

/** A JSON Schema, as it goes into the OpenAPI document. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A request that was let in. */
export interface Call<Params = Record<string, string>, Query = Record<string, unknown>, Body = unknown> {
  params: Params;
  query: Query;
  body: Body;
  who: Identity;
  request: FastifyRequest;
  reply: FastifyReply;
  /** Aborted when the client is gone. */
  signal: AbortSignal;
  /** What the audit trail says beside the route's own words. */
  audited(entry: { subject?: string; detail?: Record<string, string | number | boolean | null> }): void;
}

export interface AnswerSpec {
  description: string;
  /** Left out: the answer has no body. */
  schema?: JsonSchema;
  /** Media types other than JSON, with the schema of each. */
  content?: Readonly<Record<string, { schema: JsonSchema }>>;
}

/** One route, as data: what the OpenAPI document says of it and what is checked before `handle` is called. */
export interface ApiRoute {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/api/v1`. */
  path: string;
  /** The least role that may call it. */
  role: Role;
  /** Name of the change in the audit trail; left out: nothing is changed. */
  audit?: string;
  tag: string;
  operation: string;
  summary: string;
  description?: string;
  params?: JsonSchema;
  query?: JsonSchema;
  body?: JsonSchema;
  /** Media types of the body; JSON where left out. */
  consumes?: readonly string[];
  /** Bytes; 1 MiB where left out. */
  bodyLimit?: number;
  answers: Readonly<Record<number, AnswerSpec>>;
  // biome-ignore lint/suspicious/noExplicitAny: each route's schemas say what its call holds.
  handle(call: Call<any, any, any>): Promise<unknown> | unknown;
  /** The same events over a WebSocket; `handle` then answers plain clients with server-sent events. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  socket?(call: Omit<Call<any, any, any>, 'reply'>, socket: LiveSocket): Promise<void>;
}

/** What a live route needs of a WebSocket. */
export interface LiveSocket {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  readonly bufferedAmount: number;
  on(event: 'close' | 'error', listener: () => void): void;
}
