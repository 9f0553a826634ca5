-- What was applied of a project in a target, and by whom: the daemon runs these jobs, whatever the files say meanwhile.
CREATE TABLE applied_plans (
  project text NOT NULL,
  target text NOT NULL,
  version integer NOT NULL,
  plan_hash text NOT NULL,
  -- With symbols, never a secret's value.
  plan jsonb NOT NULL,
  git_revision text,
  author text,
  applied_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project, target, version)
);

CREATE TABLE applied_jobs (
  project text NOT NULL,
  target text NOT NULL,
  job text NOT NULL,
  file text NOT NULL,
  job_hash text NOT NULL,
  -- json and not jsonb, which refuses NUL and halves of surrogate pairs: a definition comes back as it went in.
  definition json NOT NULL,
  -- Version of the plan that changed it last.
  version integer NOT NULL,
  -- Its file has errors: this is its last good version.
  problem text,
  PRIMARY KEY (project, target, job)
);
