import type { Connection } from 'vscode-languageserver/node';
import type { ColumnsReader } from './columns.ts';
import type { ClientAbilities } from './convert.ts';
import type { Workspace } from './workspace.ts';

/** One server: its documents, its client, and what both can do. */
export interface Server {
  connection: Connection;
  workspace: Workspace;
  abilities: ClientAbilities;
  /** The client asks for findings; nothing is pushed then. */
  pulls: boolean;
  /** The client can be told to ask for findings again. */
  refreshes: boolean;
  /** The client can be told to ask for code lenses again. */
  refreshesLenses: boolean;
  /** The client shows lists of projects: it is told when they may differ. */
  listsProjects: boolean;
  workspaceDiagnostics: boolean;
  /** null: no columns are read. */
  columns: ColumnsReader | null;
  /** Waits until a document was taken in. */
  ready(uri: string): Promise<void>;
}
