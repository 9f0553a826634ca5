import { addCounts, entryOf, type ReplayEntry, zeroCounts } from '@sluice/core';
import type { RunResult } from '../executor/api.ts';
import { startRun } from '../executor/start.ts';
import { askedName, eachJob, openAsked, printJson, type SelectOptions } from './asked.ts';
import { renderError } from './errors.ts';
import { EXIT } from './exit.ts';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf } from './options.ts';
import { progressFor } from './progress.ts';
import { environmentOf, type OpenProject } from './project.ts';
import { atStreams, unsupported } from './quarantine-show.ts';
import type { Chosen } from './select.ts';
import { listenForInterrupt } from './signals.ts';
import { plural, print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

/** Where rows can go on; each is a run of its own. */
const ENTRIES: readonly ReplayEntry[] = ['format', 'source', 'steps'];

export async function replayQuarantine(names: string[], options: SelectOptions): Promise<void> {
  const asked = await openAsked(names, options);
  const interrupt = listenForInterrupt(() => tell('Stopping; press Ctrl-C again to end at once.'));
  try {
    const results = await eachJob(asked, async (one) => {
      const outcome = outcomeOf(await replayJob(asked.project, one, options, interrupt.signal));
      if (outcome.status !== 'succeeded') process.exitCode = Math.max(Number(process.exitCode ?? 0), EXIT.failed);
      if (outputOf(options) !== 'json') print(`${asked.several ? `${askedName(one)}: ` : ''}${outcomeText(outcome)}`);
      return outcome;
    });
    if (outputOf(options) === 'json') printJson(asked, results);
  } finally {
    interrupt.dispose();
  }
  if (interrupt.signal.aborted) process.exitCode = EXIT.interrupted;
}

async function replayJob(
  project: OpenProject,
  chosen: Chosen,
  options: CommonOptions,
  signal: AbortSignal,
): Promise<RunResult[]> {
  const job = compileChosen(project, chosen, { quiet: options.quiet === true, references: true });
  const results: RunResult[] = [];
  const open = await openEntries(project, chosen, options);
  for (const replay of ENTRIES) {
    if (signal.aborted || !open.has(replay)) continue;
    const progress = progressFor(options);
    const request = {
      projectDir: project.dir,
      job,
      vars: project.vars,
      env: environmentOf(project),
      stream: chosen.stream,
      fullRefresh: false,
      kind: 'replay' as const,
      takeOver: true,
      replay,
      stateStore: stateStoreOf(project),
    };
    results.push(await startRun(request, (event) => progress.on(event), signal).finally(() => progress.end()));
  }
  return results;
}

/** Where the rows that were not replayed yet would go on. */
async function openEntries(project: OpenProject, chosen: Chosen, options: CommonOptions): Promise<Set<ReplayEntry>> {
  const found = new Set<ReplayEntry>();
  const holder = 'sluice quarantine replay';
  await atStreams(project, chosen, { ...options, quiet: true }, holder, async (session, stream) => {
    for (const group of await (session.quarantineGroups ?? unsupported(stream)).call(session)) {
      const entry = entryOf(group.code);
      if (entry !== null && group.rows > group.replayed + group.withheld) found.add(entry);
    }
    return [];
  });
  return found;
}

function outcomeOf(results: readonly RunResult[]) {
  const counts = results.reduce((sum, result) => addCounts(sum, result.counts), zeroCounts());
  const style = styleFor(process.stderr);
  const errors = results.flatMap(({ streams, error }) => {
    const own = streams.flatMap((stream) => (stream.error ? [stream.error] : []));
    return own.length > 0 || error === null ? own : [error];
  });
  for (const error of errors) tell(renderError(error, style));
  const { rows_read, rows_written, rows_rejected, rows_quarantined } = counts;
  const status = results.some((result) => result.status !== 'succeeded') ? 'failed' : 'succeeded';
  return { status, rows_read, rows_written, rows_rejected, rows_quarantined, error: errors[0] ?? null };
}

function outcomeText({ rows_read, rows_written, rows_quarantined }: ReturnType<typeof outcomeOf>): string {
  const again = rows_quarantined > 0 ? `, ${plural(rows_quarantined, 'row')} set aside again` : '';
  return `${plural(rows_read, 'row')} replayed: ${plural(rows_written, 'row')} written${again}`;
}
