import { expect, test } from 'vitest';
import { SluiceError } from '../../model/error.ts';
import { toAddress } from './address.ts';

const of = (url: string) => {
  const { host, port, database, user, password, ssl } = toAddress({ url });
  return { host, port, database, user, password, ssl };
};

test('a url gives its parts, decoded', () => {
  expect(of('postgresql://app:S3cr%40t-Zq9@db.example:6543/sales?sslmode=require')).toEqual({
    host: 'db.example',
    port: 6543,
    database: 'sales',
    user: 'app',
    password: 'S3cr@t-Zq9',
    ssl: 'require',
  });
  expect(of('postgres://localhost')).toMatchObject({
    host: 'localhost',
    port: 5432,
    user: 'postgres',
    database: 'postgres',
  });
  expect(of('postgres://u@[::1]:5433/d')).toMatchObject({ host: '::1', port: 5433, database: 'd', user: 'u' });
  expect(of('postgres://u@%2Fvar%2Frun%2Fpg/d')).toMatchObject({ host: '/var/run/pg', database: 'd' });
  expect(of('postgres:///d?host=/tmp&user=u&password=p')).toMatchObject({
    host: '/tmp',
    database: 'd',
    user: 'u',
    password: 'p',
  });
});

test('the form of Java drivers works', () => {
  expect(of('jdbc:postgresql://h:1/d?user=u&password=p%26q')).toMatchObject({
    host: 'h',
    port: 1,
    database: 'd',
    user: 'u',
    password: 'p&q',
  });
});

test('a password may hold any character unescaped', () => {
  for (const password of [`p$HOME'@#%/:"x`, '$Wren7!{a}', 'a@b@c', '%', 'a?b=c', 'x/y@z'])
    expect(of(`postgres://u:${password}@h:5432/d`)).toMatchObject({ password, host: 'h', database: 'd', user: 'u' });
});

test('keys beside a url win over its parts', () => {
  expect(toAddress({ url: 'postgres://u:p@h:1/d', password: 'q%40', port: 2 })).toMatchObject({
    password: 'q%40',
    port: 2,
    host: 'h',
  });
});

test('a url that cannot be read shows place and cause and no secret', () => {
  for (const url of [
    'postgresql://app:S3cr%40t-Zq9@:bad/db',
    'mysql://app:S3cr%40t-Zq9@h/db',
    'postgres://app:S3cr%40t-Zq9@h:99999/db',
    'postgres://app:S3cr%40t-Zq9@h/db?sslmode=S3cr',
  ]) {
    let error: unknown;
    try {
      toAddress({ url });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(SluiceError);
    expect(error).toMatchObject({ code: 'destination/bad-url', kind: 'config' });
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('S3cr');
  }
  expect(() => toAddress({ url: 'postgresql://app:pw@:bad/db' })).toThrow(/port "bad", database "db"/);
});
