import { Document, isCollection, isSeq, visit } from 'yaml';
import type { Json } from '../model/json.ts';

/**
 * Writes a value as YAML the way this language is read: block style, but lists of plain values on one line where they fit.
 * Texts that YAML would read as something else are quoted; long ones are not folded.
 */
export function writeYaml(value: Json): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Seq(_, node) {
      if (isSeq(node) && node.items.length > 0 && !node.items.some(isCollection) && fits(node.toJSON()))
        node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, blockQuote: 'literal', flowCollectionPadding: false });
}

function fits(items: unknown): boolean {
  const text = JSON.stringify(items);
  return text.length <= 100 && !text.includes('\\n');
}
