-- Secrets, as what only a key outside of this database can open.
CREATE TABLE secrets (
  project text NOT NULL,
  target text NOT NULL,
  path text NOT NULL,
  -- Tells which key opens it, and nothing of the key.
  key_id text NOT NULL,
  -- Base64 of nonce, ciphertext and tag.
  sealed text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  updated_by text,
  PRIMARY KEY (project, target, path)
);

-- Whether the end of a run has been looked at by whoever notifies. What ended before is history.
ALTER TABLE runs ADD COLUMN noticed boolean NOT NULL DEFAULT true;
ALTER TABLE runs ALTER COLUMN noticed SET DEFAULT false;
CREATE INDEX runs_unnoticed ON runs (project, target, finished_at) WHERE NOT noticed AND finished_at IS NOT NULL;

-- What is wrong with a job now, and was told: it is told once until it is over.
CREATE TABLE alerts (
  project text NOT NULL,
  target text NOT NULL,
  job text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('failure', 'freshness', 'duration')),
  run uuid,
  since timestamptz NOT NULL,
  -- Times that it happened again meanwhile.
  repeats integer NOT NULL DEFAULT 0,
  PRIMARY KEY (project, target, job, kind)
);

CREATE TABLE notifications (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project text NOT NULL,
  target text NOT NULL,
  job text NOT NULL,
  event text NOT NULL CHECK (event IN ('failure', 'recovery', 'lateness')),
  run uuid,
  -- The fields that templates have, without secrets.
  content jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notifications_by_job ON notifications (project, target, job, created_at DESC);
CREATE INDEX notifications_by_time ON notifications (created_at);

CREATE TABLE deliveries (
  notification uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
  channel text NOT NULL,
  -- The channel as it was when this was told, and the providers of its secrets; references are symbols.
  settings jsonb NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
  attempts integer NOT NULL DEFAULT 0,
  -- Also the end of the time that a sender has for it.
  next_at timestamptz NOT NULL DEFAULT now(),
  error jsonb,
  delivered_at timestamptz,
  PRIMARY KEY (notification, channel)
);
CREATE INDEX deliveries_waiting ON deliveries (next_at) WHERE state = 'waiting';
