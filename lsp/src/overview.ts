import {
  type LanguageContext,
  type NewJob,
  newJobText,
  type Position,
  positionAt,
  projectOverview,
  runErrorPlace,
  type SluiceErrorJson,
  sourceChoices,
} from '@sluice/core';
import { rangeOf, workspaceEdit } from './convert.ts';
import { below, pathOfUri } from './paths.ts';
import type { ProjectFiles } from './project-files.ts';
import type { Server } from './server-state.ts';
import type { Workspace } from './workspace.ts';

/** A place as a client opens it. */
interface Place {
  uri: string;
  position: Position;
}

/**
 * Requests of our own extension: lists of what a project holds, whether a file is one of a project's, and where in a file the cause
 * of a run's error stands.
 */
export function answerOverview(server: Server): void {
  const { connection, workspace } = server;
  connection.onRequest('sluice/projects', async (asked: { dirs?: string[] } | null) => {
    server.listsProjects = true;
    await workspace.loadFolders(asked?.dirs);
    const projects = await workspace.wholeProjects();
    return projects.filter((files) => !files.lone).map((files) => overviewOf(files, workspace));
  });
  connection.onRequest(
    'sluice/owns',
    async ({ uri }: { uri: string }): Promise<unknown> => await workspace.isOurs(uri),
  );
  connection.onRequest('sluice/sources', () => sourceChoices());
  connection.onRequest('sluice/newJob', (job: NewJob) => newJobText(job));
  connection.onRequest('sluice/runError', async ({ uri, error }: { uri: string; error: SluiceErrorJson }) => {
    const found = await fileOf(uri, workspace);
    const place = found && runErrorPlace(found.context, error);
    if (!place) return null;
    const fixes = place.fixes.map(({ title, edits }) => ({
      title,
      edit: workspaceEdit(edits, found.files, workspace),
    }));
    return { range: rangeOf(found.context.document, place.range), fixes };
  });
}

/** A file of a project, also where no editor has it open. */
async function fileOf(
  uri: string,
  workspace: Workspace,
): Promise<{ files: ProjectFiles; context: LanguageContext } | null> {
  const path = pathOfUri(uri);
  for (const files of path === null ? [] : await workspace.wholeProjects()) {
    const file = below(files.dir, path!);
    const document = file === null ? null : files.document(file);
    if (document) return { files, context: files.context(document) };
  }
  return null;
}

function overviewOf(files: ProjectFiles, workspace: Workspace): unknown {
  const { jobs, connections, ...project } = projectOverview(files.project, Date.now());
  const place = (file: string, offset: number): Place => {
    const document = files.document(file);
    return {
      uri: workspace.uriOf(files, file),
      position: document ? positionAt(document, offset) : { line: 0, character: 0 },
    };
  };
  return {
    ...project,
    dir: files.dir,
    jobs: jobs.map(({ range, ...job }) => ({ ...job, place: place(job.file, range.start) })),
    connections: connections.map(({ range, ...connection }) => ({
      ...connection,
      place: place(connection.file, range.start),
    })),
  };
}
