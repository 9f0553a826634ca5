-- How daemons find the next run among many.

-- Those that may begin, in the order in which they do: runs that had begun before others, backfills last.
CREATE INDEX runs_claimable ON runs (
  project, target,
  (CASE WHEN attempt > 0 THEN CASE kind WHEN 'backfill' THEN 1 ELSE 0 END ELSE CASE kind WHEN 'backfill' THEN 3 ELSE 2 END END),
  not_before, due_at, window_start, created_at
) WHERE state = 'queued' AND ready;
-- The same of each job, for where many runs wait for those of a few jobs.
CREATE INDEX runs_claimable_by_job ON runs (
  project, target, job,
  (CASE WHEN attempt > 0 THEN CASE kind WHEN 'backfill' THEN 1 ELSE 0 END ELSE CASE kind WHEN 'backfill' THEN 3 ELSE 2 END END),
  not_before, due_at, window_start, created_at
) WHERE state = 'queued' AND ready;
CREATE INDEX runs_begun ON runs (project, target, job) WHERE state = 'queued' AND attempt > 0;
CREATE INDEX runs_waiting ON runs (project, target, not_before, id) WHERE state = 'queued' AND NOT ready;
DROP INDEX runs_queue;
