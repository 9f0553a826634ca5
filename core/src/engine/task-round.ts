import type { Split } from '../model/component.ts';
import { faultPoint } from '../model/fault.ts';
import { zeroCounts } from '../model/run.ts';
import { EPOCH } from './commit.ts';
import type { Meter } from './meter.ts';
import type { EpochPorts } from './ports.ts';
import type { TaskInput, TaskOutput } from './task-types.ts';

/**
 * Runs a task per chunk, records what each has done, and waits for all of them, also where one fails: none may write on after the
 * abort.
 */
export async function allTasks(
  meter: Meter,
  ports: EpochPorts,
  chunks: readonly Split[][],
  make: (splits: Split[], task: number) => TaskInput,
): Promise<TaskOutput[]> {
  const work = chunks.map(async (splits, task) => {
    const input = make(splits, task);
    const output = await ports.runTask(input, (share, arrived) => meter.at(task, share, arrived));
    if (output.type === 'staged' || output.type === 'landed') {
      await faultPoint('protocol.token.before');
      const token =
        output.type === 'staged' ? output.token : { parts: output.landed.parts, rows: output.landed.rows_read };
      const counts = output.type === 'staged' ? output.counts : { ...zeroCounts(), rows_read: output.landed.rows_read };
      await ports.recordToken(input.stream.name, EPOCH, task, token, counts);
      await faultPoint('protocol.token.after');
      meter.ended(task, counts.rows_read);
    }
    return output;
  });
  const results = await Promise.allSettled(work);
  const failed = results.find((r) => r.status === 'rejected');
  if (failed) throw failed.reason;
  return results.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
}
