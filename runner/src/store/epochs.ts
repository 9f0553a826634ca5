import { type Database, jsonb } from './connection.ts';
import { isoTimes } from './runs.ts';
import type {
  CheckpointRow,
  Counts,
  JobKey,
  JsonObject,
  OpenIntent,
  RunState,
  SluiceErrorJson,
  StreamDone,
  StreamKey,
  StreamState,
  TaskRow,
} from './types.ts';

export interface EpochKey {
  run: string;
  stream: string;
  epoch: number;
}

/** All tasks of an epoch in one statement: what one attempt of it reads. Takes the place of an earlier attempt's. */
export async function recordTasks(db: Database, tasks: EpochKey & { splits: unknown[][] }): Promise<void> {
  const rows = tasks.splits.map((splits, task) => ({ task, splits }));
  await db.query(
    `WITH gone AS (
       DELETE FROM tasks WHERE run = $1 AND stream = $2 AND epoch = $3 AND task >= jsonb_array_length($4::jsonb)
     )
     INSERT INTO tasks (run, stream, epoch, task, splits)
     SELECT $1, $2, $3, (t->>'task')::int, t->'splits' FROM jsonb_array_elements($4::jsonb) AS t
     ON CONFLICT (run, stream, epoch, task) DO UPDATE SET splits = excluded.splits, token = NULL, counts = NULL`,
    [tasks.run, tasks.stream, tasks.epoch, jsonb(rows)],
  );
}

/** The tasks of an epoch in order; a token tells that the task's rows are staged. */
export async function tasksOf(db: Database, key: EpochKey): Promise<TaskRow[]> {
  const { rows } = await db.query(
    `SELECT task, splits, token, counts FROM tasks WHERE run = $1 AND stream = $2 AND epoch = $3 ORDER BY task`,
    [key.run, key.stream, key.epoch],
  );
  return rows as TaskRow[];
}

export async function recordIntent(db: Database, intent: EpochKey & { destination: JsonObject }): Promise<void> {
  await db.query(
    `INSERT INTO intents (run, stream, epoch, destination) VALUES ($1, $2, $3, $4)
     ON CONFLICT (run, stream, epoch)
     DO UPDATE SET destination = excluded.destination, settled_at = NULL, recorded_at = now()`,
    [intent.run, intent.stream, intent.epoch, jsonb(intent.destination)],
  );
}

/** What runs of the job may have left staged, the oldest first. */
export async function openIntents(db: Database, key: JobKey): Promise<OpenIntent[]> {
  const { rows } = await db.query(
    `SELECT i.run, i.stream, i.epoch, i.destination, i.recorded_at FROM intents i JOIN runs r ON r.id = i.run
     WHERE r.project = $1 AND r.target = $2 AND r.job = $3 AND i.settled_at IS NULL ORDER BY i.recorded_at`,
    [key.project, key.target, key.job],
  );
  return rows.map(isoTimes<OpenIntent>);
}

/** Whether the run may have left something staged. */
export async function hasIntents(db: Database, run: string): Promise<boolean> {
  const { rowCount } = await db.query('SELECT 1 FROM intents WHERE run = $1 AND settled_at IS NULL LIMIT 1', [run]);
  return (rowCount ?? 0) > 0;
}

export async function settle(db: Database, { runs, stream }: { runs: string[]; stream: string }): Promise<void> {
  await db.query('UPDATE intents SET settled_at = now() WHERE run = ANY($1) AND stream = $2 AND settled_at IS NULL', [
    runs,
    stream,
  ]);
}

export async function recordToken(
  db: Database,
  token: EpochKey & { task: number; token: JsonObject; counts: Counts },
): Promise<void> {
  await db.query(
    'UPDATE tasks SET token = $5, counts = $6 WHERE run = $1 AND stream = $2 AND epoch = $3 AND task = $4',
    [token.run, token.stream, token.epoch, token.task, jsonb(token.token), jsonb(token.counts)],
  );
}

/** Records what a stream committed: its row of the run and the checkpoint's history. Doing it twice changes nothing. */
export async function finishStream(db: Database, done: StreamDone): Promise<void> {
  const key = [done.project, done.target, done.job, done.stream, done.seq];
  const checkpoint = jsonb(done.checkpoint);
  const counts = jsonb(done.counts);
  await db.transaction(async (client) => {
    await client.query(
      `INSERT INTO checkpoints (project, target, job, stream, seq, checkpoint, commit_id, run, counts, note)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
      [...key, checkpoint, done.commitId, done.run, counts, done.note ?? null],
    );
    await client.query(
      `INSERT INTO run_streams (run, stream, state, commit_id, counts, checkpoint_after, checkpoint_before)
       VALUES ($6, $4, 'succeeded', $7, $8, $9, (
         SELECT checkpoint FROM checkpoints
         WHERE project = $1 AND target = $2 AND job = $3 AND stream = $4 AND seq < $5
         ORDER BY seq DESC, committed_at DESC LIMIT 1
       ))
       ON CONFLICT (run, stream) DO UPDATE SET state = 'succeeded', commit_id = excluded.commit_id,
         counts = excluded.counts, error = NULL, checkpoint_before = excluded.checkpoint_before,
         checkpoint_after = excluded.checkpoint_after`,
      [...key, done.run, done.commitId, counts, checkpoint],
    );
    await client.query(`UPDATE runs SET state = 'running' WHERE id = $1 AND state = 'committing'`, [done.run]);
  });
}

export async function failStream(
  db: Database,
  failed: { run: string; stream: string; state: RunState; error: SluiceErrorJson },
): Promise<void> {
  await db.query(
    `INSERT INTO run_streams (run, stream, state, error) VALUES ($1, $2, $3, $4)
     ON CONFLICT (run, stream) DO UPDATE SET state = $3, error = $4`,
    [failed.run, failed.stream, failed.state, jsonb(failed.error)],
  );
}

const CHECKPOINT_COLUMNS = 'seq::int, checkpoint, commit_id, run, counts, note, committed_at';

/** The checkpoints of a stream, the newest first. */
export async function checkpoints(db: Database, key: StreamKey, limit: number): Promise<CheckpointRow[]> {
  const { rows } = await db.query(
    `SELECT ${CHECKPOINT_COLUMNS} FROM checkpoints
     WHERE project = $1 AND target = $2 AND job = $3 AND stream = $4
     ORDER BY checkpoints.seq DESC, committed_at DESC LIMIT $5`,
    [key.project, key.target, key.job, key.stream, limit],
  );
  return rows.map(isoTimes<CheckpointRow>);
}

/** The newest checkpoint of every stream of a project and target, or of one job. */
export async function streamStates(
  db: Database,
  key: { project: string; target: string; job?: string },
): Promise<StreamState[]> {
  const { rows } = await db.query(
    `SELECT DISTINCT ON (job, stream) project, target, job, stream, ${CHECKPOINT_COLUMNS} FROM checkpoints
     WHERE project = $1 AND target = $2 AND ($3::text IS NULL OR job = $3)
     ORDER BY job, stream, checkpoints.seq DESC, committed_at DESC`,
    [key.project, key.target, key.job ?? null],
  );
  return rows.map(isoTimes<StreamState>);
}
