import type { DiagnosticCode } from '../model/codes.ts';
import type { Diagnostic, Fix, Range, Severity } from '../model/diagnostic.ts';
import type { Schema } from '../spec/schema.ts';
import type { Document, MapNode, Node, ScalarNode } from '../text/node.ts';

interface ReportOptions {
  fix?: Fix | undefined;
  severity?: Severity;
  related?: Diagnostic['related'];
  /** Where the finding stands if it is not the whole node. */
  range?: Range;
}

export type Report = (code: DiagnosticCode, node: Node, message: string, options?: ReportOptions) => void;

/** What the walk over one document asks of whoever started it. */
export interface Host {
  document: Document;
  report: Report;
  /** Told about every value and the schema that it was held against: what hover and completion are made of. */
  visit?(node: Node, schema: Schema): void;
  /** Type of a union's object that does not say it itself: from its connection, or what it is laid over. */
  typeOf(union: Schema, node: MapNode): string | undefined;
  /**
   * A text with its variables put in and the form of its references checked. `runtime`: other references may stand here,
   * they are put in when a run starts.
   */
  text(node: ScalarNode, text: string, runtime: boolean): string;
}

/** Where the walk is. */
export interface Place {
  /** Keys may still come from what this is laid over, so that none is missing yet. */
  partial: boolean;
  /** Inside settings of a system: references stay symbols. */
  runtime: boolean;
}

/** Schemas inside which references are put in when a run starts. */
export const RUNTIME_SCHEMAS = new WeakSet<Schema>();
/** Schemas of objects that are laid over others, so that no key is missing in them. */
export const PARTIAL_SCHEMAS = new WeakSet<Schema>();
