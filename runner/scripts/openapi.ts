import type { ProjectDoor } from '../src/api/project-door.ts';
import { createApi } from '../src/api/server.ts';
import type { Store } from '../src/store/store.ts';

/** The OpenAPI document of the routes. Nothing is asked of a store or a project, since no request is made. */
export async function openApiText(): Promise<string> {
  const { app } = await createApi({ store: {} as Store, door: {} as ProjectDoor });
  const document = app.swagger();
  await app.close();
  return `${JSON.stringify(document, null, 2)}\n`;
}
