// Under which methods a path is served, so that a wrong method is told apart from an unknown path.
// Must never know a path by itself: it watches what is added to the server.

import type { FastifyInstance } from "fastify";

/** Watches the routes that are added from now on. The result lists the methods of a path without its query. */
export function watchMethods(server: FastifyInstance): (path: string) => readonly string[] {
  const served: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  server.addHook("onRoute", ({ url, method }) => {
    served.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  return (path) => [
    ...new Set(served.flatMap(({ pattern, methods }) => (pattern.test(path) ? methods : []))),
  ];
}

/** `/a/:id` and `/a/*` as the router reads them; a slash at the end makes no difference. */
function patternOf(url: string): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replace(/:[^/]+/g, "[^/]+")
    .replaceAll("*", ".*");
  return new RegExp(`^${source}/?$`);
}
