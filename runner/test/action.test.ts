import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ApiLab, apiLab, job } from './api-lab.ts';
import { folderWith } from './cli.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SLUICE = `node ${join(ROOT, 'runner/dist/sluice.js')}`;

interface Step {
  name: string;
  env: Record<string, string>;
  run: string;
}

let lab: ApiLab;
let github: Server;
let api: string;
let dir: string;
let remove: () => Promise<void>;
const comments: { id: number; body: string }[] = [{ id: 1, body: 'looks good' }];

beforeAll(async () => {
  const files = { 'sluice.yaml': 'version: 1\nname: shop\n', 'jobs/orders.yaml': job('orders') };
  lab = await apiLab(files);
  await lab.door.reconcile('test');
  ({ dir, remove } = await folderWith({ ...files, 'jobs/orders.yaml': job('orders', 'retries: {max: 3}\n') }));
  // The comments of one pull request, as GitHub's REST API gives and takes them.
  github = createServer(async (request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const body = await textOf(request);
    const answer = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value));
    if (request.headers.authorization !== 'Bearer gh-token') return answer(403, {});
    const id = Number(/\/comments\/(\d+)$/.exec(path)?.[1]);
    if (request.method === 'PATCH') {
      const found = comments.find((one) => one.id === id);
      if (found) found.body = JSON.parse(body).body;
      return answer(found ? 200 : 404, found ?? {});
    }
    if (path !== '/repos/acme/jobs/issues/7/comments') return answer(404, {});
    if (request.method === 'POST') comments.push({ id: comments.length + 1, body: JSON.parse(body).body });
    return answer(request.method === 'POST' ? 201 : 200, /page=1$/.test(query) || query === '' ? comments : []);
  });
  await new Promise<void>((resolve) => github.listen(0, '127.0.0.1', resolve));
  api = `http://127.0.0.1:${(github.address() as AddressInfo).port}`;
  await lab.api.app.listen({ host: '127.0.0.1', port: 0 });
});

afterAll(async () => {
  github.close();
  await lab.close();
  await remove();
});

/** Runs the steps of action.yml as a runner would: inputs put into their environment, each by bash. */
async function act(
  inputs: Record<string, string>,
  only: (step: Step) => boolean,
): Promise<{ stdout: string; outputs: string; summary: string }> {
  const action = parse(readFileSync(join(ROOT, 'action.yml'), 'utf8'));
  const given = (name: string) => inputs[name] ?? action.inputs[name].default;
  const temp = join(dir, '.runner');
  await mkdir(temp, { recursive: true });
  const [output, summary] = [join(temp, 'output'), join(temp, 'summary')];
  for (const file of [output, summary]) await writeFile(file, '');
  let stdout = '';
  for (const step of action.runs.steps.filter(only) as Step[]) {
    const env = Object.fromEntries(
      Object.entries(step.env).map(([key, value]) => [
        key,
        value
          .replaceAll(/\$\{\{ inputs\.([a-z-]+) \}\}/g, (_, name) => given(name))
          .replaceAll('${{ github.event.pull_request.number }}', '7'),
      ]),
    );
    const runner = {
      ...{ PATH: process.env.PATH ?? '', RUNNER_TEMP: temp, GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary },
      ...{ GITHUB_ACTION_PATH: ROOT, GITHUB_API_URL: api, GITHUB_REPOSITORY: 'acme/jobs' },
    };
    const ran = await promisify(execFile)('bash', ['-eo', 'pipefail', '-c', step.run], {
      cwd: dir,
      env: { ...runner, ...env },
    });
    stdout += ran.stdout;
  }
  return { stdout, outputs: readFileSync(output, 'utf8'), summary: readFileSync(summary, 'utf8') };
}

describe('the action', () => {
  it('validates, and comments the plan once, with a token of the daemon and no other credential', async () => {
    const address = lab.api.app.server.address() as AddressInfo;
    const inputs = {
      command: SLUICE,
      server: `http://127.0.0.1:${address.port}`,
      token: lab.tokens.viewer,
      'github-token': 'gh-token',
    };
    const first = await act(inputs, () => true);
    expect(first.outputs).toBe('changed=true\n');
    expect(first.summary).toContain('retries.max');
    expect(comments).toHaveLength(2);
    expect(comments[1]?.body).toContain('retries.max');
    await writeFile(join(dir, 'jobs/orders.yaml'), job('orders'));
    const second = await act(inputs, () => true);
    expect(second.outputs).toBe('changed=false\n');
    expect(comments).toHaveLength(2);
    expect(comments[1]?.body).not.toContain('retries.max');
    expect(comments[0]?.body).toBe('looks good');
  });

  it('fails beside the line that is wrong', async () => {
    await writeFile(join(dir, 'jobs/bad.yaml'), 'name: bad\nsource:\n  type: locl\n  path: x\n');
    const failed = await act({ command: SLUICE }, ({ name }) => name === 'Validate').catch((error) => error);
    expect([failed.code, failed.stdout]).toEqual([1, expect.stringMatching(/::error file=jobs\/bad\.yaml,line=3/)]);
  });
});
