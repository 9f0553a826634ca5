import { describe, expect, it } from 'vitest';
import { toAddress } from './address.ts';
import { source } from './source.ts';
import { endsSql, partsOf, readSql } from './sql.ts';
import { readColumn } from './types.ts';

describe('addresses of Oracle', () => {
  it.each([
    [
      { url: 'oracle://app:p%40w@ledger:1522/PDB1' },
      { connectString: 'ledger:1522/PDB1', user: 'app', password: 'p@w' },
    ],
    [
      { url: 'jdbc:oracle:thin:app/p@w/x@//ledger:1522/PDB1' },
      { connectString: 'ledger:1522/PDB1', user: 'app', password: 'p@w/x' },
    ],
    [
      { url: 'jdbc:oracle:thin:@ledger/PDB1', user: 'app' },
      { connectString: 'ledger:1521/PDB1', user: 'app' },
    ],
    [
      { url: 'ledger:1522/PDB1', user: 'app', password: 'x' },
      { connectString: 'ledger:1522/PDB1', password: 'x' },
    ],
    [
      { url: 'jdbc:oracle:thin:@ledger:1522:ORCL', user: 'app' },
      { connectString: '(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=ledger)(PORT=1522))(CONNECT_DATA=(SID=ORCL)))' },
    ],
    [
      { host: 'ledger', database: 'PDB1', user: 'app' },
      { connectString: 'ledger:1521/PDB1', password: undefined },
    ],
  ])('%j', (settings, expected) => {
    expect(toAddress(settings)).toMatchObject(expected);
  });

  it.each([
    { url: 'jdbc:oracle:oci:app/S3cr@x' },
    { url: 'oracle://app:S3cr@h:bad/x' },
    { url: 'oracle://app:S3cr@h' },
  ])('refuse what they cannot read without showing it: %#', (settings) => {
    let message = '';
    try {
      toAddress(settings);
    } catch (error) {
      message = JSON.stringify(error) + String(error);
    }
    expect(message).toContain('bad-url');
    expect(message).not.toContain('S3cr');
  });
});

describe('SQL for Oracle', () => {
  it('takes names without quotes for upper case, and binds the cursor', () => {
    const columns = [readColumn({ name: 'AT', dbTypeName: 'DATE' }), readColumn({ name: 'N', dbTypeName: 'NUMBER' })];
    const range = { column: 'AT', from: '2026-01-01T00:00:00.000000', to: '2026-01-02T00:00:00.000000', nulls: false };
    expect(readSql({ table: 'ledger."Entries"' }, columns, range, 5)).toEqual({
      sql:
        `SELECT TO_CHAR("AT", 'SYYYY-MM-DD HH24:MI:SS'), "N" FROM "LEDGER"."Entries" t ` +
        `WHERE "AT" >= TO_TIMESTAMP(:low, 'YYYY-MM-DD"T"HH24:MI:SS.FF6') AND "AT" < TO_TIMESTAMP(:high, 'YYYY-MM-DD"T"HH24:MI:SS.FF6')` +
        ' FETCH FIRST 5 ROWS ONLY',
      values: { low: '2026-01-01T00:00:00.000000', high: '2026-01-02T00:00:00.000000' },
    });
  });

  it('divides rows by a column into parts that are read as of one moment', () => {
    const id = readColumn({ name: 'ID', dbTypeName: 'NUMBER' });
    const at = readColumn({ name: 'AT', dbTypeName: 'DATE' });
    const settings = { table: 'entries', where: 'id > 1' };
    expect(endsSql(settings, id, '4711')).toBe(
      'SELECT TO_CHAR(FLOOR(MIN("ID"))), TO_CHAR(FLOOR(MAX("ID"))) FROM "ENTRIES" AS OF SCN 4711 t WHERE (\nid > 1\n)',
    );
    const [first, second, ...more] = partsOf(id, ['-4', '12345678901234567890'], 2, null);
    const bound = `TO_NUMBER('6172839450617283943', 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')`;
    expect(first?.where).toBe(`("ID" < ${bound} OR "ID" IS NULL)`);
    expect(second?.where).toBe(`"ID" >= ${bound}`);
    expect(more).toEqual([]);
    expect(readSql(settings, [id], null, null, { part: second?.where ?? null, moment: '4711' }).sql).toBe(
      `SELECT "ID" FROM "ENTRIES" AS OF SCN 4711 t WHERE (\nid > 1\n) AND "ID" >= ${bound}`,
    );
    const days = partsOf(at, [' 2026-01-01 00:00:00', ' 2026-01-03 00:00:00'], 2, null);
    expect(days[1]?.where).toBe(`"AT" >= TO_TIMESTAMP('2026-01-02T00:00:00.000000', 'YYYY-MM-DD"T"HH24:MI:SS.FF6')`);
    expect(partsOf(at, [null, null], 2, 9)).toEqual([{ where: null, bytes: 9 }]);
  });

  it.each([
    [{ dbTypeName: 'NUMBER', precision: 9, scale: 0 }, { kind: 'int' }],
    [{ dbTypeName: 'NUMBER', precision: 18, scale: 0 }, { kind: 'bigint' }],
    [
      { dbTypeName: 'NUMBER', precision: 19, scale: 0 },
      { kind: 'decimal', precision: 19, scale: 0 },
    ],
    [
      { dbTypeName: 'NUMBER', precision: 12, scale: 2 },
      { kind: 'decimal', precision: 12, scale: 2 },
    ],
    [{ dbTypeName: 'NUMBER', precision: 0, scale: -127 }, null],
    [{ dbTypeName: 'TIMESTAMP WITH LOCAL TIME ZONE' }, { kind: 'timestamptz' }],
    [{ dbTypeName: 'TIMESTAMP' }, { kind: 'timestamp' }],
    [{ dbTypeName: 'BINARY_DOUBLE' }, { kind: 'double' }],
    [{ dbTypeName: 'BLOB' }, { kind: 'binary' }],
    [{ dbTypeName: 'CLOB' }, { kind: 'text' }],
  ])('%j is %j', (column, type) => {
    expect(readColumn({ name: 'C', ...column }).type).toEqual(type);
  });
});

it('the driver itself says that nobody listens, without the password', async () => {
  const settings = { url: 'oracle://app:S3cr-Zq9@127.0.0.1:1/X', table: 't' };
  const session = await source.connect({
    settings,
    projectDir: '.',
    signal: new AbortController().signal,
    log: () => {},
  });
  const failed = await session.test().catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 'source/unreachable', kind: 'transient' });
  expect(JSON.stringify(failed) + String(failed)).not.toContain('S3cr');
  await session.close();
});
