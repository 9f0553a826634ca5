import type { RunFacts, Sample, ToPanel } from './protocol.ts';

/** What the panel knows. */
export interface PanelState {
  /** null: nothing was heard yet. */
  reach: { reached: boolean; why: string | null } | null;
  runs: readonly RunFacts[];
  /** The run that the samples are of. */
  run: string | null;
  samples: readonly Sample[];
}

export const NOTHING: PanelState = { reach: null, runs: [], run: null, samples: [] };

/** How far back the charts go at most. */
export const WINDOW_MS = 2 * 3_600_000;
/** A run measures every second: where nothing came for longer, nobody knows what was. */
const GAP_MS = 5000;

/** The state after a message. Samples that are older than the charts show are forgotten. */
export function heard(state: PanelState, message: ToPanel): PanelState {
  switch (message.type) {
    case 'reach':
      return { ...state, reach: { reached: message.reached, why: message.why } };
    case 'runs':
      return { ...state, runs: message.runs };
    case 'samples': {
      const before = message.whole || message.run !== state.run ? [] : state.samples;
      const all = [...before, ...message.samples].sort((a, b) => a.at - b.at);
      const oldest = (all.at(-1)?.at ?? 0) - WINDOW_MS;
      return { ...state, run: message.run, samples: all.filter(({ at }) => at >= oldest) };
    }
  }
}

/** A line of a chart: seconds since 1970, and values; null where there is a gap. */
export type Line = [seconds: number[], values: (number | null)[]];

/** Samples as a line, with a gap where a value is not known and where nothing was measured. */
export function lineOf(
  samples: readonly Sample[],
  value: (sample: Sample, before: Sample | null) => number | null,
): Line {
  const line: Line = [[], []];
  samples.forEach((sample, i) => {
    const previous = samples[i - 1] ?? null;
    const isCut = previous !== null && sample.at - previous.at > GAP_MS;
    if (previous && isCut) {
      line[0].push((previous.at + 1) / 1000);
      line[1].push(null);
    }
    line[0].push(sample.at / 1000);
    line[1].push(value(sample, isCut ? null : previous));
  });
  return line;
}

/** Bytes a second between two samples; null where either does not know, and where a new attempt began to count anew. */
export function bytesPerSecond(sample: Sample, before: Sample | null): number | null {
  if (before === null || sample.bytes === null || before.bytes === null) return null;
  const seconds = (sample.at - before.at) / 1000;
  const more = sample.bytes - before.bytes;
  return seconds > 0 && more >= 0 ? more / seconds : null;
}
