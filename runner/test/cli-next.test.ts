import { afterAll, beforeAll, expect, it } from 'vitest';
import { folderWith, sluice } from './cli.ts';

let dir: string;
let remove: () => Promise<void>;

const JOB = 'source:\n  type: local\n  path: in/*.csv\n';

beforeAll(async () => {
  ({ dir, remove } = await folderWith({
    'sluice.yaml': 'version: 1\nname: clock\n',
    'jobs/nightly.yaml': `name: nightly\n${JOB}schedule:\n  cron: 0 2 * * *\n  timezone: America/New_York\n`,
    'jobs/none.yaml': `name: none\n${JOB}`,
  }));
});
afterAll(() => remove());

it('gives the fires around a clock change in UTC and local time', async () => {
  const args = ['next', 'nightly', '--from', '2024-03-09T05:00:00Z', '-n', '3', '--json'];
  const { code: status, stdout } = await sluice(args, { cwd: dir });
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual([
    { at: '2024-03-09T07:00:00.000Z', local: '2024-03-09T02:00:00-05:00' },
    { at: '2024-03-10T07:00:00.000Z', local: '2024-03-10T03:00:00-04:00' },
    { at: '2024-03-11T06:00:00.000Z', local: '2024-03-11T02:00:00-04:00' },
  ]);
});

it.each([
  ['a job without a schedule', ['next', 'none'], 1, 'schedule/none'],
  ['a time that is none', ['next', 'nightly', '--from', 'soon'], 2, 'usage/time'],
])('refuses %s', async (_, args, status, code) => {
  const result = await sluice(args, { cwd: dir });
  expect(result.code).toBe(status);
  expect(result.stderr).toContain(code);
});
