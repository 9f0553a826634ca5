import { afterAll, beforeAll } from 'vitest';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { type TestDatabase, testDatabase } from '../../../test/postgres.ts';
import { postgres } from './destination.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.drop());

destinationSuite('postgres', () => ({
  destination: postgres,
  settings: { url: db.url },
  schema: 'raw',
  select: db.query,
}));
