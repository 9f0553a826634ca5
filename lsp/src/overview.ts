import { type Position, positionAt, projectOverview } from '@sluice/core';
import type { ProjectFiles } from './project-files.ts';
import type { Server } from './server-state.ts';
import type { Workspace } from './workspace.ts';

/** A place as a client opens it. */
interface Place {
  uri: string;
  position: Position;
}

/** Requests of our own extension: lists of what a project holds, and whether a file is one of a project's. */
export function answerOverview({ connection, workspace }: Server): void {
  connection.onRequest('sluice/projects', async () => {
    await workspace.loadFolders();
    const projects = await workspace.wholeProjects();
    return projects.filter((files) => !files.lone).map((files) => overviewOf(files, workspace));
  });
  connection.onRequest(
    'sluice/owns',
    async ({ uri }: { uri: string }): Promise<unknown> => await workspace.isOurs(uri),
  );
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
