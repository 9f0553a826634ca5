import { createReadStream, existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';

/** Files of Swagger UI and ReDoc, as their packages bring them; the build puts them beside the bundle. */
const FILES: Readonly<Record<string, string>> = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'redoc.standalone.js': 'text/javascript; charset=utf-8',
};

/** Ours: a page may not hold scripts of its own. */
const STARTS: Readonly<Record<string, string>> = {
  'swagger.js': `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true, validatorUrl: null });`,
  'redoc.js': `Redoc.init('/openapi.json', { disableSearch: true, hideDownloadButton: false }, document.getElementById('docs'));`,
};

const CONTENT_SECURITY = [
  "default-src 'none'",
  "script-src 'self'",
  // Both libraries write styles into the page.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  'worker-src blob:',
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** The OpenAPI document and two pages that show it. They hold nothing of the project and want no token. */
export function addDocs(app: FastifyInstance): void {
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  const page = (styles: readonly string[], scripts: readonly string[]): string =>
    [
      '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sluice API</title>',
      '<meta name="viewport" content="width=device-width, initial-scale=1">',
      ...styles.map((name) => `<link rel="stylesheet" href="/docs/files/${name}">`),
      '</head><body><div id="docs"></div>',
      ...scripts.map((name) => `<script src="/docs/files/${name}"></script>`),
      '</body></html>',
    ].join('\n');
  const pages: Readonly<Record<string, string>> = {
    '/docs': page(['swagger-ui.css'], ['swagger-ui-bundle.js', 'swagger.js']),
    '/redoc': page([], ['redoc.standalone.js', 'redoc.js']),
  };
  for (const [path, html] of Object.entries(pages)) {
    app.get(path, { schema: { hide: true } }, async (_request, reply) =>
      reply.header('content-security-policy', CONTENT_SECURITY).type('text/html; charset=utf-8').send(html),
    );
  }
  app.get<{ Params: { name: string } }>('/docs/files/:name', { schema: { hide: true } }, async (request, reply) => {
    const { name } = request.params;
    const start = Object.hasOwn(STARTS, name) ? STARTS[name] : undefined;
    if (start !== undefined) return reply.type('text/javascript; charset=utf-8').send(start);
    const type = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
    const path = type === undefined ? null : fileOf(name);
    if (type === undefined || path === null) return reply.callNotFound();
    reply.header('cache-control', 'public, max-age=3600').header('content-length', statSync(path).size);
    return reply.type(type).send(createReadStream(path));
  });
}

/** Beside the bundle in the built package, in `dist` when run from source. */
function fileOf(name: string): string | null {
  const places = [`./docs/${name}`, `../../dist/docs/${name}`].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  return places.find((path) => existsSync(path)) ?? null;
}
