import { channelTypes } from '../check/channel-schema.ts';
import { plainOf } from '../check/plain.ts';
import type { Scope } from '../check/scope.ts';
import { textsOf } from '../check/scope.ts';
import type { Notify, NotifyEvent, Sla } from '../model/job.ts';
import { parseDuration } from '../model/units.ts';
import { child, itemsOf, type MapNode, textOf } from '../text/node.ts';
import { typedSettings } from './settings.ts';

const EVENTS: readonly NotifyEvent[] = ['failure', 'recovery', 'lateness'];

/** `notify` of a job without findings, each entry with its channel's settings. */
export function notifyOf(scope: Scope, job: MapNode): Notify[] {
  return itemsOf(job, 'notify').flatMap((item) => {
    const name = textOf(item, 'channel') ?? '';
    const found = scope.channels.get(name);
    if (!found) return [];
    const on = textsOf(item, 'on') as NotifyEvent[];
    const events = on.length > 0 ? EVENTS.filter((event) => on.includes(event)) : [...EVENTS];
    return [{ channel: name, on: events, ...typedSettings(plainOf(found.node), channelTypes) }];
  });
}

/** `sla` of a job without findings; null where it has none. */
export function slaOf(job: MapNode): Sla | null {
  const sla = child(job, 'sla');
  if (!sla) return null;
  const bound = (key: string): number | null => parseDuration(textOf(sla, key) ?? '');
  return { freshness_ms: bound('freshness'), max_duration_ms: bound('max_duration') };
}
