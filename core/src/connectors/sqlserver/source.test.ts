import { describe, expect, it } from 'vitest';
import { partitionColumn } from '../shared/ranges.ts';
import { toAddress } from './address.ts';
import { connectError, queryError } from './client.ts';
import { source } from './source.ts';
import { endsSql, partsOf, readSql, stillSql } from './sql.ts';
import { readColumn } from './types.ts';

const address = toAddress({ host: 'h', database: 'd', password: 'S3cr-Zq9' });

describe('addresses of SQL Server', () => {
  it.each([
    [
      { url: 'sqlserver://app:p%40:/w@erp:1444/sales?encrypt=false' },
      { host: 'erp', port: 1444, database: 'sales', user: 'app', password: 'p@:/w', encrypt: false },
    ],
    [
      { url: 'jdbc:sqlserver://erp:1444;databaseName=sales;user=app;password={a;b}}c};trustServerCertificate=true' },
      { host: 'erp', port: 1444, database: 'sales', user: 'app', password: 'a;b}c', encrypt: true, trust: true },
    ],
    [
      { url: 'jdbc:sqlserver://;serverName=erp;database=x', port: 7 },
      { host: 'erp', port: 7, database: 'x', user: 'sa' },
    ],
    [
      { host: 'erp', trust_server_certificate: true },
      { host: 'erp', port: 1433, trust: true, password: undefined },
    ],
  ])('%j', (settings, expected) => {
    expect(toAddress(settings)).toMatchObject(expected);
  });

  it('refuse what they cannot read without showing it', () => {
    for (const url of ['http://app:S3cr@h', 'jdbc:sqlserver:S3cr', 'sqlserver://app:S3cr@h:bad/x']) {
      let message = '';
      try {
        toAddress({ url });
      } catch (error) {
        message = JSON.stringify(error) + String(error);
      }
      expect(message).toContain('bad-url');
      expect(message).not.toContain('S3cr');
    }
  });
});

describe('SQL for SQL Server', () => {
  it('names columns in brackets, reads texts and binds the cursor', () => {
    const columns = [readColumn('odd ]name', 'datetime2(7)', true), readColumn('n', 'decimal(38,4)', false)];
    const range = { column: 'odd ]name', from: '2026-01-01T00:00:00.000001', to: null, nulls: true };
    expect(readSql({ table: 'erp.dbo.orders', where: 'n > 0 -- all' }, columns, range, 5)).toEqual({
      sql:
        'SELECT TOP (5) CONVERT(varchar(33), [odd ]]name], 126), CONVERT(varchar(41), [n]) FROM [erp].[dbo].[orders] AS t ' +
        'WHERE (\nn > 0 -- all\n) AND (([odd ]]name] >= CAST(@p0 AS datetime2(7))) OR [odd ]]name] IS NULL)',
      values: ['2026-01-01T00:00:00.000001'],
    });
  });

  it('divides rows by a column into parts that are all of them, each once', () => {
    const n = readColumn('n', 'decimal(12,2)', true);
    const settings = { table: 'erp.dbo.orders', where: 'n <> 3' };
    expect(endsSql(settings, n)).toBe(
      'SELECT CONVERT(varchar(41), MIN([n])) AS low, CONVERT(varchar(41), MAX([n])) AS high FROM [erp].[dbo].[orders] AS t WHERE (\nn <> 3\n)',
    );
    const parts = partsOf(n, { low: '-7.50', high: '90.00' }, 3, 300);
    expect(parts).toEqual([
      { where: "([n] < CAST('25' AS decimal(12,2)) OR [n] IS NULL)", bytes: 100 },
      { where: "[n] >= CAST('25' AS decimal(12,2)) AND [n] < CAST('57' AS decimal(12,2))", bytes: 100 },
      { where: "[n] >= CAST('57' AS decimal(12,2))", bytes: 100 },
    ]);
    expect(readSql(settings, [n], null, null, parts[2]?.where).sql).toBe(
      "SELECT CONVERT(varchar(41), [n]) FROM [erp].[dbo].[orders] AS t WHERE (\nn <> 3\n) AND [n] >= CAST('57' AS decimal(12,2))",
    );
    expect(partsOf(n, { low: null, high: null }, 3, null)).toEqual([{ where: null, bytes: null }]);
    const [, second] = partsOf(
      readColumn('at', 'datetimeoffset(7)', true),
      { low: '2026-01-01T00:00:00.0000000Z', high: '2026-01-03T00:00:00Z' },
      2,
      null,
    );
    expect(second?.where).toBe("[at] >= CAST('2026-01-02T00:00:00.000000Z' AS datetimeoffset(7))");
    expect(stillSql('erp.dbo.orders')).toEqual([expect.stringContaining('DB_ID(@p0)'), ['erp']]);
    expect(stillSql('dbo.orders')).toEqual([expect.stringContaining('DB_ID()'), []]);
  });

  it('divides by no column of texts, and by none that is not there', () => {
    const columns = [readColumn('name', 'nvarchar(10)', true)];
    const kind = ({ type }: (typeof columns)[number]) => type?.kind ?? '';
    for (const on of ['name', 'nothing']) {
      expect(() => partitionColumn(on, columns, kind)).toThrow(
        expect.objectContaining({ code: 'source/partition', kind: 'config', where: { column: on } }),
      );
    }
  });

  it.each([
    ['bit', 'boolean'],
    ['tinyint', 'int'],
    ['bigint', 'bigint'],
    ['money', 'decimal'],
    ['float', 'double'],
    ['datetime', 'timestamp'],
    ['datetimeoffset(3)', 'timestamptz'],
    ['uniqueidentifier', 'uuid'],
    ['varbinary(max)', 'binary'],
    ['timestamp', 'binary'],
    ['nvarchar(20)', 'text'],
    ['dbo.own_type', 'text'],
  ])('%s is %s', (name, kind) => {
    expect(readColumn('c', name, true).type?.kind).toBe(kind);
  });
});

describe('errors of SQL Server', () => {
  it('have a kind, and no password', () => {
    const login = Object.assign(new Error('Login failed for S3cr-Zq9'), { code: 'ELOGIN' });
    expect(connectError(login, address)).toMatchObject({ code: 'source/access-denied', kind: 'config' });
    expect(connectError(login, address).message).not.toContain('S3cr');
    const numbered = (number: number) => queryError(Object.assign(new Error('words'), { number }), address);
    expect(numbered(208)).toMatchObject({ code: 'source/no-table', kind: 'config' });
    expect(numbered(229)).toMatchObject({ code: 'source/no-rights', kind: 'config' });
    expect(numbered(1205)).toMatchObject({ code: 'source/conflict', kind: 'transient' });
    expect(queryError(new Error('Connection closed'), address)).toMatchObject({
      code: 'source/connection-lost',
      kind: 'transient',
    });
  });

  it('say by the driver itself that nobody listens', async () => {
    const settings = { host: '127.0.0.1', port: 1, password: 'S3cr-Zq9', table: 't' };
    const session = await source.connect({
      settings,
      projectDir: '.',
      signal: new AbortController().signal,
      log: () => {},
    });
    await expect(session.test()).rejects.toMatchObject({ code: 'source/unreachable', kind: 'transient' });
    await session.close();
  });
});
