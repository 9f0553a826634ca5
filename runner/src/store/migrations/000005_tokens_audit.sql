-- Who may use the HTTP API, and what was changed through it.
CREATE TABLE api_tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  project text NOT NULL,
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('viewer', 'operator', 'editor', 'admin')),
  -- sha256 of the token, which has 256 random bits: the token itself is nowhere.
  hash bytea NOT NULL UNIQUE,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);
CREATE INDEX api_tokens_by_project ON api_tokens (project, created_at DESC);

CREATE TABLE audit_entries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  project text NOT NULL,
  target text NOT NULL,
  -- Name of the token, subject of the identity provider, or the user of the command line.
  actor text NOT NULL,
  role text NOT NULL,
  -- Such as `job.create` or `token.revoke`.
  action text NOT NULL,
  subject text,
  -- Status of the HTTP answer: refused changes are here as well.
  status integer NOT NULL,
  address text,
  detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_entries_by_project ON audit_entries (project, id DESC);
