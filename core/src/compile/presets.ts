import { jobSchema } from '../check/job-schema.ts';
import type { Compute } from '../model/job.ts';
import { parseSize } from '../model/units.ts';
import { child, type Node, textOf } from '../text/node.ts';

/** Bounds of the presets as written; a machine with less cuts them when a run starts, so that a hash is the same everywhere. */
const PRESETS: Readonly<Record<string, Omit<Compute, 'preset'>>> = {
  'small-batch': { workers: { min: 1, max: 1 }, memory: 1e9 },
  'medium-batch': { workers: { min: 2, max: 10 }, memory: 4e9 },
  'large-batch': { workers: { min: 5, max: 50 }, memory: 16e9 },
  streaming: { workers: { min: 3, max: 20 }, memory: 4e9 },
};

/** The presets by name, with what editors say of each. */
export function computePresets(): ({ name: string; text: string } & Omit<Compute, 'preset'>)[] {
  const { enum: names = [], 'x-enum-text': texts = [] } = jobSchema.properties?.compute?.properties?.preset ?? {};
  return names.flatMap((name, i) => {
    const preset = PRESETS[String(name)];
    return preset ? [{ name: String(name), text: texts[i] ?? '', ...preset }] : [];
  });
}

/** A preset with the job's own keys over it. A single own bound that crosses the preset's other one takes it along. */
export function computeOf(node: Node | undefined): Compute {
  const preset = textOf(node, 'preset') ?? 'small-batch';
  const base = PRESETS[preset] ?? PRESETS['small-batch']!;
  const min = numberOf(node, 'min');
  const max = numberOf(node, 'max');
  const workers = {
    min: min ?? Math.min(base.workers.min, max ?? base.workers.min),
    max: max ?? Math.max(base.workers.max, min ?? base.workers.max),
  };
  return { preset, workers, memory: parseSize(textOf(node, 'memory') ?? '') ?? base.memory };
}

function numberOf(node: Node | undefined, key: string): number | null {
  const found = child(node, 'workers', key);
  return found?.kind === 'scalar' && typeof found.value === 'number' ? found.value : null;
}
