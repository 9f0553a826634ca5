import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiLab, apiLab, job } from './api-lab.ts';

/** Where `.ci/run` puts it. */
const binary =
  process.env.SLUICE_SCHEMATHESIS ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice-ci', 'schemathesis', 'bin', 'schemathesis');
const missing = !existsSync(binary) && !process.env.SLUICE_REQUIRE_SERVICES;

const CHECKS = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance';
/** Seconds; SLUICE_FUZZ_SECONDS makes it long. */
const SECONDS = Number(process.env.SLUICE_FUZZ_SECONDS ?? 30);
/** SLUICE_FUZZ_SEED asks other questions. */
const SEED = process.env.SLUICE_FUZZ_SEED ?? '1';

/** Ids that are there; what would start a process for each request is asked with one that is not. */
const CONFIG = `[parameters]
"path.id" = "orders"

[[operations]]
include-operation-id = "deleteJob"
[operations.parameters]
"path.id" = "spare"

[[operations]]
include-operation-id = ["previewJob", "listQuarantine", "replayQuarantine", "restoreCheckpoint"]
[operations.parameters]
"path.id" = "nothing"
`;

let lab: ApiLab;
let base: string;

beforeAll(async () => {
  lab = await apiLab({
    'sluice.yaml': 'version: 1\nname: fuzz\n',
    'schemathesis.toml': CONFIG,
    'jobs/orders.yaml': job('orders', 'schedule:\n  cron: "0 3 * * *"\n  overlap_policy: cancel\n'),
    'jobs/spare.yaml': job('spare'),
    'data/orders.csv': 'id\n1\n',
  });
  await lab.door.reconcile('test');
  base = await lab.api.app.listen({ host: '127.0.0.1', port: 0 });
});

afterAll(() => lab.close());

it.skipIf(missing)(
  'whatever is asked, nothing fails and every answer is as the document says',
  { timeout: 900_000 },
  async () => {
    const succeeded = () =>
      lab.db.query(`SELECT DISTINCT action FROM sluice.audit_entries WHERE status < 300 ORDER BY 1`);
    // The time counts from its start: a busy machine may have asked little or nothing by then.
    for (let seconds = SECONDS; ; seconds *= 4) {
      const { code, output } = await askAll(seconds);
      expect(code, output).toBe(0);
      // It got behind the first door.
      if (/[1-9]\d* generated/.test(output) && (await succeeded()).length > 0) break;
      expect(seconds, output).toBeLessThan(SECONDS * 16);
    }
  },
);

async function askAll(seconds: number): Promise<{ code: number | null; output: string }> {
  const args = [
    'run',
    `${base}/openapi.json`,
    '--max-time',
    String(seconds),
    // The same questions each time, and a guard that is no limit of the API: a busy machine may take long for an answer.
    '--seed',
    SEED,
    '--request-timeout',
    '60',
    '--checks',
    CHECKS,
    '--phases',
    'examples,coverage,fuzzing',
  ];
  // These go on until the reader leaves.
  const more = ['--exclude-tag', 'Live', '--no-color', '--header', `Authorization: Bearer ${lab.tokens.admin}`];
  const child = spawn(binary, [...args, ...more], { cwd: lab.dir, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output };
}
