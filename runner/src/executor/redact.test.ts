import { describe, expect, it } from 'vitest';
import { watched } from '../secrets/known.ts';
import { redactorOfValues } from './redact.ts';

/** A redactor of secrets that were looked up in the environment. */
function redactorOf(value: string) {
  const env = watched({ env: { THE_SECRET: value }, file: () => null } as never).env;
  expect(env.THE_SECRET).toBe(value);
  return redactorOfValues([]);
}

describe('what is taken out of texts', () => {
  const secret = 'S3cr-Kk1/+ x"ü';
  it.each([
    ['as it is', secret],
    ['in JSON', JSON.stringify({ a: secret })],
    ['in a URL', `https://h/?k=${encodeURIComponent(secret)}`],
    ['in a form', new URLSearchParams({ k: secret }).toString()],
    ['in base64 behind a user', Buffer.from(`me:${secret}`).toString('base64')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
    ['in hex', Buffer.from(secret).toString('hex')],
    ['in hex with capitals', Buffer.from(secret).toString('hex').toUpperCase()],
    ['broken into lines', `the key S3cr-\n  Kk1/+ x"ü is wrong`],
    ['broken into lines inside JSON', String.raw`the key S3cr-\nKk1/+ x"ü is wrong`],
  ])('%s', (_how, text) => {
    const said = redactorOf(secret)(text);
    expect(said).toContain('***');
    expect(said).not.toMatch(/S3c|Kk1|5333|kkx|LUtr|S2sx/i);
  });

  it.each([
    ['postgres://app:S3cr%40t-Zq9@h/db', 'S3cr@t-Zq9'],
    ['postgres://app:S3cr@t-Zq9@h/db', 'S3cr@t-Zq9'],
    ['postgres://h/db?user=app&password=S3cr%40t-Zq9', 'S3cr@t-Zq9'],
    ['jdbc:sqlserver://h:1;user=app;password={S3cr@t-Zq9};encrypt=true', 'S3cr@t-Zq9'],
    ['app/S3cr-Zq9@h:1521/db', 'S3cr-Zq9'],
    ['https://h/feed?api_key=S3cr-Zq9&page=2', 'S3cr-Zq9'],
    ['{"type": "service_account", "private_key": "S3cr-Zq9-long-enough"}', 'S3cr-Zq9-long-enough'],
    ['-----BEGIN KEY-----\nS3crZq9MIIEvQIBADANBgkq\n-----END KEY-----', 'S3crZq9MIIEvQIBADANBgkq'],
  ])('of %s the secret alone', (value, inside) => {
    expect(redactorOf(value)(`the driver says "${inside}" of app at h`)).toBe('the driver says "***" of app at h');
  });
});
