import { createHmac } from 'node:crypto';
import { fillTemplate, jsonInside, type NoticeFields } from '../notice-text.ts';
import { post, type Send } from './channel.ts';

/** A JSON body, or a template of one's own; signed with the time, so that a recorded request does not pass for a new one. */
export const sendWebhook: Send = async (fields, settings, context) => {
  const { url, secret, template, headers: own } = settings;
  const headers: Record<string, string> = {
    'Content-Type': 'application/json',
    'User-Agent': 'sluice',
    'X-Sluice-Event': fields.event,
    'X-Sluice-Delivery': fields.id,
  };
  if (typeof own === 'object' && own !== null && !Array.isArray(own)) {
    for (const [name, value] of Object.entries(own)) {
      const known = Object.keys(headers).find((key) => key.toLowerCase() === name.toLowerCase());
      headers[known ?? name] = String(value);
    }
  }
  const encode = /json/i.test(headers['Content-Type'] ?? '') ? jsonInside : (text: string) => text;
  const body = typeof template === 'string' ? fillTemplate(template, fields, encode) : JSON.stringify(bodyOf(fields));
  if (typeof secret === 'string') headers['X-Sluice-Signature'] = signature(secret, body, Date.now());
  await post(String(url), body, headers, context);
};

function bodyOf(fields: NoticeFields) {
  const { error_code, error_message, ...rest } = fields;
  return { ...rest, error: error_code === null ? null : { code: error_code, message: error_message } };
}

/** `t=SECONDS,v1=HEX`: HMAC-SHA-256 of `SECONDS.BODY`. */
export function signature(secret: string, body: string, now: number): string {
  const seconds = Math.floor(now / 1000);
  const hex = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return `t=${seconds},v1=${hex}`;
}
