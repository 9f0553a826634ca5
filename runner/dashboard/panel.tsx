import { useEffect, useMemo, useReducer, useState } from 'react';
import { Chart } from './chart.tsx';
import type { RunFacts, Sample, ToPanel } from './protocol.ts';
import { bytesPerSecond, heard, lineOf, NOTHING, WINDOW_MS } from './series.ts';
import { bytesText, countText, durationText, momentText, peakText, totals } from './words.ts';

interface Figure {
  title: string;
  /** It only grows: the last value says all. */
  isSum?: boolean;
  value(sample: Sample, before: Sample | null): number | null;
  text(value: number | null): string;
}

const perSecond = (text: string, value: number | null): string => (value === null ? text : `${text}/s`);

const FIGURES: readonly Figure[] = [
  {
    title: 'Rows a second',
    value: ({ rowsPerSecond }) => rowsPerSecond,
    text: (value) => perSecond(countText(value), value),
  },
  { title: 'Bytes a second', value: bytesPerSecond, text: (value) => perSecond(bytesText(value), value) },
  { title: 'Rows rejected', isSum: true, value: ({ rejected }) => rejected, text: countText },
  { title: 'Memory', value: ({ memory }) => memory, text: bytesText },
  { title: 'Workers', value: ({ workers }) => workers, text: countText },
];

/** Stretches of time that charts show. */
const SPANS = [
  { text: '5 min', seconds: 300 },
  { text: '30 min', seconds: 1800 },
  { text: '2 h', seconds: WINDOW_MS / 1000 },
] as const;

/** The figures of one job's newest run, and its last runs. */
export function Panel({ job, ready }: { job: string; ready(): void }) {
  const [state, hear] = useReducer(heard, NOTHING);
  const theme = useTheme();
  const [span, setSpan] = useState<number>(SPANS[2].seconds);
  useEffect(() => {
    const listen = ({ data }: MessageEvent<ToPanel>): void => hear(data);
    window.addEventListener('message', listen);
    ready();
    return () => window.removeEventListener('message', listen);
  }, [ready]);
  const { reach, runs, run, samples } = state;
  const shown = runs.find(({ id }) => id === run) ?? runs[0];
  const lines = useMemo(() => FIGURES.map(({ value }) => lineOf(samples, value)), [samples]);
  // Of a run that is over the last moment tells nothing.
  const isOver = shown !== undefined && shown.finishedAt !== null;
  const over = runs.filter(({ finishedAt }) => finishedAt !== null);
  return (
    <main>
      <h1>{job}</h1>
      {reach && !reach.reached && <p className="away">{noFigures(reach.why)}</p>}
      {shown ? <Summary run={shown} last={samples.at(-1)} /> : <p className="dim">{waiting(reach)}</p>}
      {samples.length > 0 && <Spans chosen={span} choose={setSpan} />}
      {samples.length > 0 && (
        <div className="charts">
          {FIGURES.map(({ title, text, isSum }, i) => {
            const line = lines[i] ?? [[], []];
            return (
              <Chart
                key={title}
                title={title}
                now={isOver && !isSum ? peakText(line, text) : text(line[1].at(-1) ?? null)}
                line={line}
                span={span}
                text={text}
                theme={theme}
              />
            );
          })}
        </div>
      )}
      {over.length > 0 && <Runs runs={over} />}
    </main>
  );
}

function Spans({ chosen, choose }: { chosen: number; choose(seconds: number): void }) {
  return (
    <fieldset className="spans" aria-label="Time that is shown">
      <legend className="dim">The last</legend>
      {SPANS.map(({ text, seconds }) => (
        <button key={seconds} type="button" aria-pressed={seconds === chosen} onClick={() => choose(seconds)}>
          {text}
        </button>
      ))}
    </fieldset>
  );
}

function noFigures(why: string | null): string {
  return `No figures now: ${(why ?? 'no daemon runs for this project').replace(/\.$/, '')}. It is asked again every few seconds.`;
}

function waiting(reach: { reached: boolean } | null): string {
  if (reach === null) return 'Asking the daemon…';
  return reach.reached ? 'The job has not run yet.' : '';
}

function Summary({ run, last }: { run: RunFacts; last: Sample | undefined }) {
  return (
    <>
      <p className="totals">
        <b className={`state ${run.status}`}>{run.status}</b>
        {totals(run, last).map(([label, text]) => (
          <span key={label}>
            <span className="dim">{label}</span> <output>{text}</output>
          </span>
        ))}
      </p>
      {run.error && <p className="away">{run.error}</p>}
    </>
  );
}

function Runs({ runs }: { runs: readonly RunFacts[] }) {
  return (
    <div className="runs">
      <table>
        <caption>Last runs</caption>
        <thead>
          <tr>
            {['began', 'state', 'read', 'written', 'rejected', 'bytes', 'took'].map((name) => (
              <th key={name}>{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {runs.map(({ id, startedAt, createdAt, status, rows, written, rejected, bytes, finishedAt }) => (
            <tr key={id}>
              <td>{momentText(new Date(startedAt ?? createdAt), new Date())}</td>
              <td className={`state ${status}`}>{status}</td>
              {[countText(rows), countText(written), countText(rejected), bytesText(bytes)].map((text, i) => (
                <td key={i}>{text}</td>
              ))}
              <td>{durationText(startedAt, finishedAt)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function themeNow(): string {
  return `${document.body.className} ${document.documentElement.getAttribute('style') ?? ''}`;
}

/** Changes when the editor's colours do. */
function useTheme(): string {
  const [theme, set] = useState(themeNow);
  useEffect(() => {
    const changes = new MutationObserver(() => set(themeNow()));
    for (const node of [document.body, document.documentElement])
      changes.observe(node, { attributes: true, attributeFilter: ['class', 'style'] });
    return () => changes.disconnect();
  }, []);
  return theme;
}
