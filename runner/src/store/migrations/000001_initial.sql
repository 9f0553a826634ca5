-- Runs, their attempts, streams and tasks; leases; checkpoint history; logs.
CREATE TABLE runs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project text NOT NULL,
  target text NOT NULL,
  job text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('scheduled', 'manual', 'backfill', 'replay', 'streaming')),
  state text NOT NULL CHECK (state IN ('queued', 'running', 'committing', 'succeeded', 'failed', 'cancelled', 'skipped')),
  attempt integer NOT NULL DEFAULT 0,
  owner text,
  job_hash text NOT NULL,
  definition jsonb NOT NULL,
  counts jsonb,
  error jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
CREATE INDEX runs_by_job ON runs (project, target, job, created_at DESC);

-- At most one run of a job is alive. Whoever finds an expired lease may take the job over.
CREATE TABLE leases (
  project text NOT NULL,
  target text NOT NULL,
  job text NOT NULL,
  run uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  owner text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (project, target, job)
);

CREATE TABLE run_attempts (
  run uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  attempt integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  error jsonb,
  PRIMARY KEY (run, attempt)
);

CREATE TABLE run_streams (
  run uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  stream text NOT NULL,
  state text NOT NULL,
  commit_id text,
  counts jsonb,
  error jsonb,
  PRIMARY KEY (run, stream)
);

CREATE TABLE tasks (
  run uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  stream text NOT NULL,
  epoch integer NOT NULL,
  task integer NOT NULL,
  splits jsonb NOT NULL,
  token jsonb,
  counts jsonb,
  PRIMARY KEY (run, stream, epoch, task)
);

-- Recorded before the first staged byte; settled when the staging was committed or removed.
CREATE TABLE intents (
  run uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  stream text NOT NULL,
  epoch integer NOT NULL,
  destination jsonb NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  settled_at timestamptz,
  PRIMARY KEY (run, stream, epoch)
);

-- The destination's own row is the truth where it has transactions; this is its history.
CREATE TABLE checkpoints (
  project text NOT NULL,
  target text NOT NULL,
  job text NOT NULL,
  stream text NOT NULL,
  seq bigint NOT NULL,
  checkpoint jsonb NOT NULL,
  commit_id text NOT NULL,
  run uuid NOT NULL,
  counts jsonb,
  committed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project, target, job, stream, seq, commit_id)
);
