import type { Job } from '@sluice/core';
import { destinations, type Spec, sources } from '@sluice/core/specs';

/** Whether a job reads or writes what lies on one host alone, such as its files. */
export function needsHost(job: Job): boolean {
  const placed = (spec: Spec | undefined) =>
    (spec?.capabilities as { placement?: string } | undefined)?.placement === 'node';
  return job.streams.some(
    ({ enabled, source, destination }) =>
      enabled && (placed(sources[source.type]) || placed(destinations[destination.type])),
  );
}
