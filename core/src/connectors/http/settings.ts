import type { JsonObject } from '../../model/json.ts';

export type Auth =
  | { type: 'none' }
  | { type: 'basic'; user: string; password: string }
  | { type: 'bearer'; token: string }
  | { type: 'api_key'; key: string; in?: 'header' | 'query'; name?: string }
  | {
      type: 'oauth2_client_credentials';
      token_url: string;
      client_id: string;
      client_secret: string;
      scope?: string;
      credentials_in?: 'header' | 'body';
    };

export type Pagination =
  | { type: 'link_header'; max_pages?: number }
  | { type: 'next_url'; next: string; max_pages?: number }
  | { type: 'cursor'; next: string; param: string; max_pages?: number }
  | {
      type: 'page' | 'offset';
      param?: string;
      start?: number;
      page_size?: number;
      size_param?: string;
      max_pages?: number;
    };

/** Settings as the spec has validated them. */
export interface HttpSettings {
  base_url: string;
  headers?: Record<string, string>;
  auth?: Auth;
  path?: string;
  method: 'GET' | 'POST';
  params?: Record<string, string | number | boolean>;
  body?: JsonObject | string;
  records?: string;
  cursor_param?: { name: string; format?: string };
  pagination?: Pagination;
  rate_limit?: { requests: number; per?: string };
}
