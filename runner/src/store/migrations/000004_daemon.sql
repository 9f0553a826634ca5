-- What daemons do: the queue of runs, when jobs are due, who is paused and why, who is there, what runs say of themselves.

-- A run in the queue has no owner. `queued_at` tells runs of the queue from those of `sluice run`, which nobody else can go on with.
ALTER TABLE runs
  ADD COLUMN queued_at timestamptz,
  ADD COLUMN not_before timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN requested_by text,
  ADD COLUMN reason text,
  -- false: it waits for what it depends on, which `waiting_for` names.
  ADD COLUMN ready boolean NOT NULL DEFAULT true,
  ADD COLUMN waiting_for text,
  -- The only host that has the files; null: any.
  ADD COLUMN host_wanted text,
  ADD COLUMN memory_bytes bigint NOT NULL DEFAULT 0,
  -- `tag:NAME` and `connection:NAME`, by which limits count.
  ADD COLUMN groups text[] NOT NULL DEFAULT '{}',
  -- One stream of the job, a full refresh, the window as a request names it, rows to replay.
  ADD COLUMN options jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN backfill uuid,
  ADD COLUMN handovers integer NOT NULL DEFAULT 0,
  ADD COLUMN stop_requested_at timestamptz,
  ADD COLUMN stop_requested_by text,
  ADD COLUMN stop_hard boolean NOT NULL DEFAULT false,
  ADD COLUMN logs_dropped bigint NOT NULL DEFAULT 0;

-- json, so that a definition comes out of the queue as it went in: jsonb refuses NUL and halves of surrogate pairs.
ALTER TABLE runs ALTER COLUMN definition TYPE json;

-- Each due time and window once, whatever daemons and clocks do.
CREATE UNIQUE INDEX runs_scheduled_once
  ON runs (project, target, job, due_at, (coalesce(window_start, '-infinity'::timestamptz)))
  WHERE kind = 'scheduled' AND due_at IS NOT NULL;
CREATE INDEX runs_queue ON runs (project, target, not_before) WHERE state = 'queued';
CREATE INDEX runs_alive ON runs (project, target, job) WHERE state IN ('queued', 'running', 'committing');
CREATE INDEX runs_by_backfill ON runs (backfill, window_start) WHERE backfill IS NOT NULL;
CREATE INDEX runs_by_window ON runs (project, target, job, window_start) WHERE window_start IS NOT NULL;
-- The first attempt of whoever holds it: a daemon that lost a run may take it again while its attempt before is still ending.
ALTER TABLE leases ADD COLUMN attempt integer;
CREATE INDEX leases_by_expiry ON leases (expires_at);

-- One row for each job that is or was applied: its id, what lists are filtered by, when it is due, whether it is paused.
CREATE TABLE job_states (
  project text NOT NULL,
  target text NOT NULL,
  job text NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  owner text,
  description text,
  tags text[] NOT NULL DEFAULT '{}',
  first_applied timestamptz NOT NULL DEFAULT now(),
  -- Set when the job was deleted; what is kept of it goes some time after.
  deleted_at timestamptz,
  -- The scheduler has to look at the definition again.
  stale boolean NOT NULL DEFAULT true,
  -- The schedule by which it last did: another one begins anew, with nothing missed.
  schedule json,
  -- Due times up to here are dealt with.
  handled_until timestamptz,
  next_due timestamptz,
  -- How late the last due time was dealt with.
  lateness_ms bigint,
  paused_at timestamptz,
  -- 'infinity': until somebody resumes it.
  paused_until timestamptz,
  paused_by text,
  paused_reason text,
  wake_at timestamptz GENERATED ALWAYS AS (
    CASE WHEN next_due IS NOT NULL AND deleted_at IS NULL THEN greatest(next_due, paused_until) END
  ) STORED,
  PRIMARY KEY (project, target, job)
);
CREATE INDEX job_states_wake ON job_states (project, target, wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX job_states_stale ON job_states (project, target) WHERE stale;
CREATE INDEX job_states_paused ON job_states (paused_until) WHERE paused_at IS NOT NULL;
CREATE INDEX job_states_tags ON job_states USING gin (tags);
INSERT INTO job_states (project, target, job, owner, description, tags)
SELECT project, target, job, definition->>'owner', definition->>'description',
  coalesce((SELECT array_agg(tag) FROM json_array_elements_text(definition->'tags') AS tag), '{}')
FROM applied_jobs;

-- The one process that makes what is applied equal to a checkout.
CREATE TABLE reconcilers (
  project text NOT NULL,
  target text NOT NULL,
  owner text NOT NULL,
  host text NOT NULL,
  -- `folder@host` or `repo@ref`.
  checkout text NOT NULL,
  -- Folder of the checkout on `host`.
  folder text NOT NULL,
  read_only boolean NOT NULL DEFAULT false,
  revision text,
  problem jsonb,
  checked_at timestamptz,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (project, target)
);

-- Daemons, by the name under which they own runs.
CREATE TABLE nodes (
  node text PRIMARY KEY,
  project text NOT NULL,
  target text NOT NULL,
  host text NOT NULL,
  pid integer NOT NULL,
  -- Where its API listens; null: nowhere.
  address text,
  version text NOT NULL,
  draining boolean NOT NULL DEFAULT false,
  memory_bytes bigint NOT NULL,
  max_runs integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  beat_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX nodes_by_project ON nodes (project, target, beat_at);

CREATE TABLE backfills (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project text NOT NULL,
  target text NOT NULL,
  job text NOT NULL,
  stream text,
  from_value text NOT NULL,
  to_value text NOT NULL,
  force boolean NOT NULL DEFAULT false,
  requested_by text,
  reason text,
  -- Windows that were finished before, and those that are not over yet.
  passed_over integer NOT NULL DEFAULT 0,
  left_out integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  cancelled_at timestamptz
);
CREATE INDEX backfills_by_job ON backfills (project, target, job, created_at DESC);

-- Lines of logs by day, so that old days go at once. Rows of days that have no table of their own lie in the default one.
ALTER TABLE run_logs RENAME TO run_logs_before;
ALTER TABLE run_logs_before DROP CONSTRAINT run_logs_pkey;
CREATE SEQUENCE run_logs_number;
CREATE TABLE run_logs (
  run uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  seq bigint NOT NULL DEFAULT nextval('run_logs_number'),
  at timestamptz NOT NULL,
  level text NOT NULL CHECK (level IN ('debug', 'info', 'warn', 'error')),
  message text NOT NULL,
  fields jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (run, seq, at)
) PARTITION BY RANGE (at);
ALTER SEQUENCE run_logs_number OWNED BY run_logs.seq;
CREATE TABLE run_logs_rest PARTITION OF run_logs DEFAULT;
INSERT INTO run_logs (run, seq, at, level, message, fields)
SELECT run, seq, at, level, message, fields FROM run_logs_before;
SELECT setval('run_logs_number', (SELECT max(seq) FROM run_logs)) WHERE EXISTS (SELECT 1 FROM run_logs);
DROP TABLE run_logs_before;

-- What a run measured, each second; counts are sums since its start. NULL: there is no such figure.
CREATE TABLE run_metrics (
  run uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  seq bigint NOT NULL,
  at timestamptz NOT NULL,
  rows_read bigint,
  rows_rejected bigint,
  bytes_read bigint,
  rows_per_second double precision,
  tasks_active integer,
  workers integer,
  -- Share of one core.
  cpu double precision,
  memory_bytes bigint,
  memory_limit_bytes bigint,
  spill_bytes bigint,
  PRIMARY KEY (run, seq, at)
) PARTITION BY RANGE (at);
CREATE SEQUENCE run_metrics_number OWNED BY run_metrics.seq;
ALTER TABLE run_metrics ALTER COLUMN seq SET DEFAULT nextval('run_metrics_number');
CREATE TABLE run_metrics_rest PARTITION OF run_metrics DEFAULT;

-- What happened, for those who follow: read in the order of (tx, seq), up to what no open transaction can still add to.
CREATE TABLE events (
  tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  seq bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  project text NOT NULL,
  target text NOT NULL,
  job text,
  run uuid,
  type text NOT NULL,
  data jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (tx, seq)
);
CREATE INDEX events_by_time ON events (at);

-- A trigger, so that no verb can forget it.
CREATE FUNCTION run_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR OLD.state IS DISTINCT FROM NEW.state THEN
    INSERT INTO sluice.events (project, target, job, run, type, data)
    VALUES (NEW.project, NEW.target, NEW.job, NEW.id, 'run.' || NEW.state,
      jsonb_build_object('kind', NEW.kind, 'attempt', NEW.attempt, 'due_at', NEW.due_at, 'error', NEW.error));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER runs_event AFTER INSERT OR UPDATE OF state ON runs FOR EACH ROW EXECUTE FUNCTION run_event();
