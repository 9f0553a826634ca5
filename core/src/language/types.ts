import type { Project } from '../check/project.ts';
import type { Scope } from '../check/scope.ts';
import type { Range } from '../model/diagnostic.ts';
import type { Document } from '../text/node.ts';
import type { ColumnRecord, RecordKeys } from './record.ts';

/** What is asked of the world beyond the texts: each part may be missing, and then nothing is known of it. */
export interface LanguageHost {
  /** Entries of a folder, by its path relative to the project folder or absolute; [] where there is none. */
  list?(folder: string): Promise<FolderEntry[]>;
  /** The record of a stream's source, by the names under which records are kept: the exact one, else one of the same source. */
  columns?(keys: RecordKeys): ColumnRecord | null;
  /** The newest record of a job's sources, whatever they were then: for offers alone, while a source is being written. */
  lately?(job: string): ColumnRecord | null;
  /** What is known of a job's runs, by the job's name. */
  runs?(job: string): RunInfo | null;
  /** Milliseconds since 1970. */
  now(): number;
}

export interface FolderEntry {
  name: string;
  folder: boolean;
}

/** The last run of a job, as a code lens shows it. */
export interface RunInfo {
  status: string;
  /** When it ended, ISO 8601. */
  ended_at: string | null;
  duration_ms: number | null;
  rows_written: number | null;
}

/** One file of a project, and what surrounds it. */
export interface LanguageContext {
  document: Document;
  project: Project;
  scope: Scope;
  host: LanguageHost;
}

export interface TextEdit {
  range: Range;
  text: string;
}

/** Edits by file; files are named as in the project. */
export type WorkspaceEdits = Map<string, TextEdit[]>;

export interface Location {
  file: string;
  range: Range;
}

type CompletionKind =
  | 'key'
  | 'value'
  | 'type'
  | 'column'
  | 'connection'
  | 'job'
  | 'variable'
  | 'snippet'
  | 'file'
  | 'folder'
  | 'function';

export interface Completion {
  label: string;
  kind: CompletionKind;
  /** One line beside the label. */
  detail?: string;
  /** Markdown, written when somebody reads it; empty where there is nothing to say. */
  documentation?: () => string;
  /**
   * What replaces `range`, as an LSP snippet: `$1`, `${1:text}`, `${1|a,b|}`. Lines after the first are indented relative to the
   * line that holds the caret.
   */
  insert: string;
  range: Range;
  /** What the typed text is compared with, where it is not the label. */
  filter?: string;
  /** Items are shown in the order of the list; the first one may be preselected. */
  preselect?: boolean;
}

export interface Hover {
  /** Markdown. */
  text: string;
  range: Range;
}

export interface DocumentSymbol {
  name: string;
  detail: string;
  kind: 'job' | 'key' | 'list' | 'value' | 'stream' | 'column' | 'connection' | 'channel' | 'variable';
  range: Range;
  selection: Range;
  children: DocumentSymbol[];
}

export interface WorkspaceSymbol {
  name: string;
  kind: 'job' | 'stream' | 'connection' | 'channel' | 'variable';
  container: string;
  location: Location;
}

export interface DocumentLink {
  range: Range;
  /** Relative to the project folder, with `/`, or absolute. */
  path: string;
}

export interface FoldingRange {
  range: Range;
  kind: 'comment' | 'region';
}

export interface InlayHint {
  at: number;
  label: string;
}

export interface CodeLens {
  range: Range;
  title: string;
  /** What a click does; null: the lens only tells. */
  command: { name: 'run' | 'preview'; job: string } | null;
}

export interface CodeAction {
  title: string;
  kind: 'quickfix' | 'refactor';
  edits: WorkspaceEdits;
  /** The one that is most likely meant. */
  preferred: boolean;
  /** Index of the finding that it mends, in the list that was handed in; null for offers that mend none. */
  diagnostic: number | null;
}
