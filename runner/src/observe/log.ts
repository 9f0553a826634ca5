import { pino } from 'pino';

/** The daemon's own log: one JSON object a line. What runs say is no part of it. */
export type DaemonLog = Pick<ReturnType<typeof pino>, 'debug' | 'info' | 'warn' | 'error'>;

/** Writes to stderr, with ISO times and levels by name. `level`: the least that is written. */
export function daemonLog(level: string, fields: Record<string, unknown>): DaemonLog {
  const options = {
    level,
    base: fields,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, pino.destination({ fd: 2, sync: true }));
}
