/** An error as the program writes it. */
export interface RunError {
  code: string;
  kind: string;
  message: string;
  where: { stream?: string; column?: string; path?: string; row?: number };
  hint: string | null;
}

type Level = 'debug' | 'info' | 'warn' | 'error';
type RunEvent =
  | { type: 'window'; from: string; to: string; number: number; of: number }
  | { type: 'started'; run_id: string }
  | { type: 'waiting'; for: string; holder: string }
  | { type: 'phase'; stream: string; phase: string; detail?: string }
  | {
      type: 'progress';
      stream: string;
      rows: number;
      rows_estimated: boolean;
      bytes: number;
      total_bytes: number | null;
    }
  | { type: 'log'; level: Level; message: string; stream: string | null }
  | { type: 'retry'; attempt: number; delay_ms: number; error: RunError };
interface Ended {
  type: 'ended';
  run_id: string | null;
  status: 'succeeded' | 'failed' | 'cancelled';
  duration_ms: number;
  streams: { stream: string; counts: { rows_written: number }; error: RunError | null }[];
  error: RunError | null;
}

/** A line of the file that `sluice run --events` writes. */
export type RunLine = { time: string; job: string } & (RunEvent | Ended);
export type RunState = 'running' | 'stopping' | 'succeeded' | 'failed' | 'cancelled';

/** How far a stream is. */
export interface StreamRecord {
  phase: string;
  rows: number;
  /** The rows are estimated from the bytes that are read. */
  estimated: boolean;
  bytes: number;
  totalBytes: number | null;
}

/** A run that was started in this window, as its events tell of it. */
export interface RunRecord {
  /** Folder of the project. */
  dir: string;
  job: string;
  /** null: not started yet, or it never was. */
  id: string | null;
  state: RunState;
  /** Milliseconds since 1970. */
  startedAt: number;
  endedAt: number | null;
  streams: Readonly<Record<string, StreamRecord>>;
  /** Which of its windows it is at, from 1; null: it has none. */
  window: { number: number; of: number } | null;
  rowsWritten: number | null;
  /** Milliseconds that it took by its own word; null: it has not ended. */
  took: number | null;
  errors: readonly RunError[];
}

export function newRecord(dir: string, job: string, now: number): RunRecord {
  return {
    dir,
    job,
    id: null,
    state: 'running',
    startedAt: now,
    endedAt: null,
    streams: {},
    window: null,
    rowsWritten: null,
    took: null,
    errors: [],
  };
}

const BEGUN: StreamRecord = { phase: 'open', rows: 0, estimated: false, bytes: 0, totalBytes: null };

/** The record after one more event. */
export function follow(record: RunRecord, line: RunLine): RunRecord {
  const stream = (name: string, more: Partial<StreamRecord>): RunRecord => ({
    ...record,
    streams: { ...record.streams, [name]: { ...(record.streams[name] ?? BEGUN), ...more } },
  });
  switch (line.type) {
    case 'window': {
      const state = record.state === 'succeeded' ? 'running' : record.state;
      return { ...record, state, streams: {}, window: { number: line.number, of: line.of } };
    }
    case 'started':
      return { ...record, id: line.run_id };
    case 'phase':
      return stream(line.stream, { phase: line.phase });
    case 'progress':
      return stream(line.stream, {
        rows: line.rows,
        estimated: line.rows_estimated,
        bytes: line.bytes,
        totalBytes: line.total_bytes,
      });
    case 'retry':
      return { ...record, streams: {} };
    case 'ended':
      return ended(record, line);
    default:
      return record;
  }
}

/** A windowed job ends once for each window: rows add up, and one that failed stays so. */
function ended(record: RunRecord, line: Ended & { time: string }): RunRecord {
  const errors = line.streams.flatMap(({ stream, error }): RunError[] =>
    error ? [{ ...error, where: { stream, ...error.where } }] : [],
  );
  const { error } = line;
  if (error && !errors.some(({ code, message }) => code === error.code && message === error.message))
    errors.push(error);
  const rows = line.streams.reduce((sum, { counts }) => sum + counts.rows_written, 0);
  return {
    ...record,
    state: record.state === 'failed' ? 'failed' : line.status,
    endedAt: Date.parse(line.time),
    rowsWritten: (record.rowsWritten ?? 0) + rows,
    took: (record.took ?? 0) + line.duration_ms,
    errors: line.status === 'failed' ? [...record.errors, ...errors] : record.errors,
  };
}

/**
 * `load, ~1.2M rows` while it runs; `12,408 rows, 3.2 s` after it has ended well, else how it ended. A command that ended well
 * without a run of its own had nothing to do, or left it to the daemon.
 */
export function summary(record: RunRecord, now: number): string {
  const taken = seconds(record.took ?? (record.endedAt ?? now) - record.startedAt);
  if (record.state === 'stopping') return 'stopping';
  if (record.state === 'succeeded')
    return `${record.rowsWritten === null ? 'done' : rowsText(record.rowsWritten)}${windowsText(record)}, ${taken}`;
  if (record.state !== 'running') return `${record.state}, ${taken}`;
  const busy = Object.values(record.streams).filter(({ phase }) => phase !== 'done');
  const rows = Object.values(record.streams).reduce((sum, one) => sum + one.rows, 0);
  const about = busy.some(({ estimated }) => estimated) ? '~' : '';
  const { window } = record;
  const where = window && window.of > 1 ? [`window ${window.number} of ${window.of}`] : [];
  return [...where, busy[0]?.phase ?? 'starting', ...(rows > 0 ? [`${about}${rowsText(rows)}`] : []), taken].join(', ');
}

function windowsText({ window }: RunRecord): string {
  return window && window.of > 1 ? ` in ${window.of} windows` : '';
}

export function rowsText(n: number): string {
  const text = n < 1e6 ? n.toLocaleString('en-US') : `${(n / 1e6).toFixed(2)}M`;
  return `${text} ${n === 1 ? 'row' : 'rows'}`;
}

export function seconds(ms: number): string {
  const all = ms / 1000;
  if (all < 10) return `${all.toFixed(1)} s`;
  return all < 120 ? `${Math.round(all)} s` : `${Math.round(all / 60)} min`;
}
