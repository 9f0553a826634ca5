-- When and where runs ran, what their streams started from, why a checkpoint was written, and the lines of their logs.
ALTER TABLE runs
  ADD COLUMN due_at timestamptz,
  ADD COLUMN window_start timestamptz,
  ADD COLUMN window_end timestamptz,
  ADD COLUMN started_at timestamptz,
  ADD COLUMN host text,
  ADD COLUMN pid integer,
  ADD COLUMN git_revision text;
CREATE INDEX runs_by_time ON runs (project, target, created_at DESC);

-- The place where the owner's pid counts: only there can anyone tell that the owner is gone before its lease expires.
ALTER TABLE leases ADD COLUMN place text;
CREATE INDEX leases_by_run ON leases (run);

ALTER TABLE run_streams
  ADD COLUMN checkpoint_before jsonb,
  ADD COLUMN checkpoint_after jsonb;

ALTER TABLE checkpoints ADD COLUMN note text;

CREATE INDEX intents_open ON intents (run) WHERE settled_at IS NULL;

-- `seq` grows in the order in which lines arrive, so that a reader can go on after the last one it saw.
CREATE TABLE run_logs (
  run uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL,
  level text NOT NULL CHECK (level IN ('debug', 'info', 'warn', 'error')),
  message text NOT NULL,
  fields jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (run, seq)
);
