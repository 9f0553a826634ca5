import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import type { Line } from './series.ts';

const HEIGHT = 120;
/** Room that a moment takes, in pixels. */
const LABEL = 90;
/** The least that a chart spans, in seconds: a run that has just begun is no dot at its end. */
const LEAST_S = 20;
/** Steps of a scale: there is no half a row. */
const WHOLE = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

interface ChartProps {
  title: string;
  /** The newest value in words. */
  now: string;
  line: Line;
  /** Seconds that are shown, up to the newest sample. */
  span: number;
  text(value: number): string;
  /** Anything that changes with the colours of the page. */
  theme: string;
}

/** One live chart. It is drawn anew when the colours change, since a canvas knows no style sheet. */
export function Chart({ title, now, line, span, text, theme }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const words = useRef(text);
  const newest = useRef(line);
  const shown = useRef(span);
  words.current = text;
  newest.current = line;
  shown.current = span;

  // The theme is what the colours are read from.
  useEffect(() => {
    const parent = place.current;
    if (!parent) return;
    const made = new uPlot(
      optionsFor(
        parent,
        (value) => words.current(value),
        () => shown.current,
      ),
      newest.current,
      parent,
    );
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: parent.clientWidth, height: HEIGHT }));
    sizes.observe(parent);
    return () => {
      sizes.disconnect();
      made.destroy();
    };
  }, [theme]);

  // The span is read while the data are taken in.
  useEffect(() => plot.current?.setData(line), [line, span]);

  return (
    <section className="chart" aria-label={`${title}: ${now}`}>
      <h2>
        {title} <output>{now}</output>
      </h2>
      <div ref={place} />
    </section>
  );
}

/** A value between two gaps is no line: it is drawn as a point. */
const LONE: uPlot.Series.Points = {
  show: true,
  size: 4,
  filter: ({ data }, series) => {
    const values = data[series] ?? [];
    const known = (i: number): boolean => typeof values[i] === 'number';
    return Array.from(values.keys()).filter((i) => known(i) && !known(i - 1) && !known(i + 1));
  },
};

/** Moments that are named: as many as there is room for, none so near to an edge that it would be cut off. */
function moments(plot: uPlot, _axis: number, from: number, to: number): number[] {
  const count = Math.max(1, Math.floor(plot.bbox.width / devicePixelRatio / LABEL));
  return Array.from({ length: count }, (_, i) => Math.round(from + ((i + 0.5) / count) * (to - from)));
}

/** A colour of the style sheet as a canvas knows it: whatever it is made of there, it is computed. */
function colorOf(parent: HTMLElement, name: string): string {
  const probe = parent.appendChild(document.createElement('span'));
  probe.style.color = `var(${name})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function optionsFor(parent: HTMLElement, text: (value: number) => string, span: () => number): uPlot.Options {
  const color = (name: string): string => colorOf(parent, name);
  const axis = { stroke: color('--dim'), grid: { stroke: color('--rule'), width: 1 }, ticks: { show: false } };
  return {
    ...{ width: parent.clientWidth || 300, height: HEIGHT },
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: {
      x: { range: (_plot, min, max) => [Math.max(Math.min(min, max - LEAST_S), max - span()), max] },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        values: (_plot, at) => at.map((seconds) => new Date(seconds * 1000).toLocaleTimeString('en-GB')),
        splits: moments,
        size: 28,
      },
      { ...axis, values: (_plot, at) => at.map(text), size: 70, space: 24, incrs: WHOLE },
    ],
    series: [{}, { stroke: color('--line'), fill: color('--fill'), width: 1.5, spanGaps: false, points: LONE }],
  };
}
