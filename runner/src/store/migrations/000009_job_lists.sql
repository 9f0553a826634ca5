-- What lists show of a definition, without reading the whole of it. A definition with what jsonb refuses is read when it is applied next.
ALTER TABLE applied_jobs
  ADD COLUMN enabled boolean NOT NULL DEFAULT true,
  ADD COLUMN schedule json;
UPDATE applied_jobs SET enabled = definition->>'enabled' IS DISTINCT FROM 'false', schedule = definition->'schedule'
WHERE definition::text !~* '\\u(0000|d[89a-f])';
