// Puts a plan into a comment of a pull request: the one that this wrote before, else a new one. Called by action.yml.
import { readFile } from 'node:fs/promises';

const { GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_TOKEN, PULL_REQUEST, PROJECT = '.', TARGET = '' } = process.env;
/** GitHub takes no longer ones. */
const LONGEST = 65_000;
const PAGE = 100;

const mark = `<!-- sluice plan ${PROJECT} ${TARGET} -->`;
const comments = `${GITHUB_API_URL}/repos/${GITHUB_REPOSITORY}/issues`;

async function ask(url, init = {}) {
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${GITHUB_TOKEN}`,
    'content-type': 'application/json',
    'x-github-api-version': '2022-11-28',
  };
  const response = await fetch(url, { ...init, headers });
  if (response.ok) return response.json();
  const hint = response.status === 403 ? ': the job needs `permissions: pull-requests: write`' : '';
  throw new Error(`GitHub answered ${response.status} to ${init.method ?? 'GET'} ${url}${hint}`);
}

/** The comment of an earlier run; null: there is none. */
async function earlier() {
  for (let page = 1; ; page++) {
    const found = await ask(`${comments}/${PULL_REQUEST}/comments?per_page=${PAGE}&page=${page}`);
    const ours = found.find(({ body }) => body?.startsWith(mark));
    if (ours) return ours;
    if (found.length < PAGE) return null;
  }
}

const plan = await readFile(process.argv[2], 'utf8');
const cut = plan.length > LONGEST ? `${plan.slice(0, LONGEST)}\n\n(The rest is in the summary of the job.)` : plan;
const body = JSON.stringify({ body: `${mark}\n${cut}` });
const known = await earlier();
if (known) await ask(`${comments}/comments/${known.id}`, { method: 'PATCH', body });
else await ask(`${comments}/${PULL_REQUEST}/comments`, { method: 'POST', body });
console.log(known ? 'The comment was renewed' : 'A comment was written');
