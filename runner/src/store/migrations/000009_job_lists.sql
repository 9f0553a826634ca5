-- What lists show of a definition, without reading the whole of it.
ALTER TABLE applied_jobs
  ADD COLUMN enabled boolean GENERATED ALWAYS AS (definition->>'enabled' IS DISTINCT FROM 'false') STORED,
  ADD COLUMN schedule json GENERATED ALWAYS AS (definition->'schedule') STORED;
