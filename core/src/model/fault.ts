/**
 * Test hook: makes a process die or fail at a named step of the commit protocol, so that recovery is proven and not hoped for.
 *
 * `SLUICE_FAULT` holds `name=action` pairs separated by commas; `@n` picks the nth time that the step is reached.
 * Actions: `kill` (SIGKILL of this process), `kill-parent` (SIGKILL of the parent), `stop` (SIGSTOP of this process),
 * `throw` (an Error). Unset, a step costs one comparison.
 */
type Action = 'kill' | 'kill-parent' | 'stop' | 'throw';

interface Fault {
  action: Action;
  /** Times that the step is still to be passed by unharmed. */
  skip: number;
}

const faults: Map<string, Fault> | null = read(globalThis.process?.env.SLUICE_FAULT);

function read(text: string | undefined): Map<string, Fault> | null {
  if (!text) return null;
  const found = new Map<string, Fault>();
  for (const entry of text.split(',')) {
    const match = /^([\w.-]+)=(kill|kill-parent|stop|throw)(?:@(\d+))?$/.exec(entry.trim());
    if (match?.[1]) found.set(match[1], { action: match[2] as Action, skip: Number(match[3] ?? 1) - 1 });
  }
  return found;
}

/** Marks a step of the protocol. */
export async function faultPoint(name: string): Promise<void> {
  if (faults === null) return;
  const fault = faults.get(name);
  if (!fault || fault.skip-- > 0) return;
  switch (fault.action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'kill-parent':
      process.kill(process.ppid, 'SIGKILL');
      break;
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      break;
    case 'throw':
      throw new Error(`fault ${name}`);
  }
  // A signal is delivered in its own time: nothing after the step may run before it.
  if (fault.action !== 'stop') await new Promise((resolve) => setTimeout(resolve, 10_000));
}
