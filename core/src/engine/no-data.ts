import type { Opened } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { zeroCounts } from '../model/run.ts';
import type { EpochPorts, StreamOutcome } from './ports.ts';

/** How an epoch without anything to load ends. Throws `source/no-data` where the stream wants some. */
export function noData(stream: Stream, opened: Opened, ports: Pick<EpochPorts, 'log'>): StreamOutcome {
  const { on_no_data: policy, name, incremental } = stream;
  const message = 'There is nothing new to load';
  if (policy === 'fail') {
    throw new SluiceError('source/no-data', 'data', `${message}, and on_no_data is fail`, {
      where: { stream: name },
      hint: 'Check the path, or set `on_no_data: succeed`.',
    });
  }
  const more = incremental.type === 'window' ? '; the window stays unfinished, so that late data is not missed' : '';
  ports.log(policy === 'warn' ? 'warn' : 'info', message + more, { stream: name });
  return idle(opened);
}

/** Nothing was to be done, and nothing was. */
export function idle(opened: Opened): StreamOutcome {
  return { counts: zeroCounts(), checkpoint: opened.checkpoint, empty: true };
}
