-- Runs of a tag or connection at a time, by `tag:NAME` and `connection:NAME`; those of the newest plan count.
ALTER TABLE applied_plans ADD COLUMN limits jsonb NOT NULL DEFAULT '{}';
