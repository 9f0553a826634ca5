import type { Document } from './node.ts';

/** Parses one YAML file (1.2 core, one document). Never throws: faults are in `diagnostics`. */
export function parseDocument(text: string, file: string): Document {
  return { file, text, root: null, diagnostics: [], broken: false };
}
