import { expect, it } from 'vitest';
import { Progress, type ProgressOptions } from './progress.ts';
import { styleFor } from './terminal.ts';

/** A terminal of whole lines: what can be seen on it, and every line that ever scrolled past. */
function screen(options: Partial<ProgressOptions> = {}) {
  let clock = 0;
  const lines: string[] = [''];
  const progress = new Progress({
    write(text) {
      for (const part of text.split(/(\n|\u001b\[\d+A\u001b\[0J)/)) {
        const up = /^\u001b\[(\d+)A/.exec(part);
        if (up) lines.splice(lines.length - 1 - Number(up[1]), Number.POSITIVE_INFINITY, '');
        else if (part === '\n') lines.push('');
        else lines[lines.length - 1] += part;
      }
    },
    isTerminal: true,
    columns: () => 120,
    style: styleFor({ isTTY: false }),
    level: 'normal',
    now: () => clock,
    ...options,
  });
  const load = (rows: number, bytes: number) =>
    progress.on({
      type: 'progress',
      stream: 's',
      rows,
      rows_estimated: true,
      bytes,
      total_bytes: 10_000_000,
      tasks_done: 0,
      tasks: 1,
    });
  return { progress, load, lines, pass: (ms: number) => (clock += ms), shown: () => lines.filter((l) => l !== '') };
}

it('paints one line for a stream over and over, with rate and time left', () => {
  const { progress, load, pass, shown } = screen();
  progress.on({ type: 'started', run_id: 'r', job: 'j' });
  progress.on({ type: 'phase', stream: 's', phase: 'open' });
  for (let i = 1; i <= 5; i++) {
    pass(1000);
    load(i * 1000, i * 1_000_000);
  }
  expect(shown()).toHaveLength(1);
  expect(shown()[0]).toMatch(
    /^j\/s +load +50% +5\.0 s left +~5,000 rows +~1,000 rows\/s +5\.0 MB of 10\.0 MB +1\.0 MB\/s$/,
  );
  progress.end();
  expect(shown()).toEqual([]);
});

it('says messages above the painted line', () => {
  const { progress, load, pass, shown } = screen();
  progress.on({ type: 'started', run_id: 'r', job: 'j' });
  load(1, 1);
  progress.on({ type: 'log', level: 'warn', message: 'a\u001b[2Jb', stream: 's' });
  pass(500);
  load(2, 2);
  expect(shown()).toHaveLength(2);
  expect(shown()[0]).toBe('warning j/s: a\\x1b[2Jb');
});

it('elsewhere than on a terminal it says a line now and then, and paints nothing', () => {
  const { progress, load, pass, shown, lines } = screen({ isTerminal: false });
  progress.on({ type: 'started', run_id: 'r', job: 'j' });
  for (let i = 0; i < 12; i++) {
    pass(1000);
    load(i, i);
  }
  expect(shown()).toHaveLength(2);
  expect(lines.join('')).not.toContain('\u001b');
});

it('keeps silent where it is told to, but for errors', () => {
  const { progress, load, pass, shown } = screen({ level: 'quiet' });
  load(1, 1);
  pass(1000);
  progress.on({ type: 'log', level: 'warn', message: 'w', stream: null });
  progress.on({ type: 'phase', stream: 's', phase: 'load' });
  progress.on({ type: 'log', level: 'error', message: 'e', stream: null });
  expect(shown()).toHaveLength(1);
});

it('never is wider than the terminal', () => {
  const { progress, load, shown } = screen({ columns: () => 40 });
  progress.on({ type: 'started', run_id: 'r', job: 'a_job_of_a_very_long_name_that_goes_on' });
  load(1_000_000, 1_000_000);
  expect(shown()[0]?.length).toBeLessThan(40);
});
