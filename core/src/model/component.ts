import type { Schema } from '../spec/schema.ts';
import type { WriteDisposition } from './job.ts';
import type { Scope } from './step.ts';

/** The interfaces of the five kinds of component, and of what is lent to them. */
export type * from './destination.ts';
export type * from './engine.ts';
export type * from './file.ts';
export type * from './format.ts';
export type * from './source.ts';
export type * from './step.ts';

export type ComponentKind = 'source' | 'destination' | 'format' | 'transform' | 'check';

/** What a component can do, as data: nothing outside its folder switches on its name. */
export interface Capabilities {
  /** Sources: hand out bytes that need a format, or typed columns. */
  yields?: 'bytes' | 'columns';
  /** Sources: `table` may be a pattern that stands for many tables. */
  table_patterns?: boolean;
  /** `discover` looks at one `path` of the connection, which the caller may name. */
  discovers_path?: boolean;
  /**
   * Sources and destinations of one value read and write the same types of their own: a column that no step looks at keeps
   * its type from the one to the other.
   */
  native?: string;
  /** Sources of columns: `partition_on` divides the rows of full loads alone, because its parts share no snapshot. */
  parts_of_full_loads?: boolean;
  /** Sources of bytes: false where they are answers rather than files, so that a ledger of them has to be asked for. */
  files?: boolean;
  batch?: boolean;
  streaming?: boolean;
  /** Destinations. */
  commit_class?: 'transactional' | 'transactional_no_ddl' | 'log' | 'directory' | 'append_only';
  write_dispositions?: WriteDisposition[];
  /** Tables by schema and name, or files by path. */
  holds?: 'tables' | 'files';
  /** Schema of tables where none is named; left out: the system has no schemas. */
  default_schema?: string;
  /** Longest identifier in bytes; null: no limit. */
  max_identifier?: number | null;
  /**
   * Formats and destinations whose work the engine does on all of its threads: rows that go straight from such a format into such a
   * destination gain nothing from further tasks, which would only stage them first.
   */
  parallel?: 'engine';
  /** Needs files of one host. */
  placement?: 'node' | 'any';
  /** Sources of files: they hand out a whole folder, for formats that list their files themselves. */
  folders?: boolean;
  /** Formats: `path` is the folder of a table that says itself which files it has, and from when. */
  lists_files?: boolean;
  /** Transforms and checks with a fixed scope; `sql` means it depends on the text. */
  scope?: Scope | 'sql';
  /** Transforms: what the step does to the columns that its `columns` names; left out: none come, none go. */
  columns?: 'keep' | 'drop' | 'add' | 'replace';
  /** Checks: needs a column, and may stand under `columns[].checks`. */
  column_check?: boolean;
  /** Checks: the masks under which a value is judged as it would be without. */
  sees_through?: readonly ('hash' | 'redact' | 'partial')[];
}

export interface Spec<S extends Schema = Schema> {
  kind: ComponentKind;
  type: string;
  title: string;
  /** One or two sentences, shown by editors. */
  text: string;
  /** The component's own keys; for a source or destination those that every one has (`type`, `connection`) are not repeated. */
  settings: S;
  /** Sources and destinations: keys of the system's connection, which may also stand inline. */
  connection?: Schema;
  /** Names of the settings and connection keys whose values are secrets; `auth.token` is a key inside another. */
  secrets: string[];
  /**
   * Sources: the settings that say where the data is, not which part of it is read: a change of them makes the checkpoint void.
   * Left out: all but those that every source of files has.
   */
  address?: string[];
  capabilities: Capabilities;
  /** YAML snippets that validate. */
  examples: string[];
  /** More Markdown for the reference page: type mapping, rules. */
  notes?: string;
}
