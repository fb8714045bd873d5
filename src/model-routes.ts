// What can be asked, at the paths where clients of each kind look for it. Decides nothing itself.
// Must never list a model that no configured provider serves, nor answer whoever has no key.

import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  modelPage,
  modelPageEntry,
  readsModelPage,
  type OfferedModel,
} from "./api/gemini-models.ts";
import { modelEntry, modelList, type ListedModel } from "./api/openai-models.ts";
import { callerOf } from "./caller.ts";
import type { RouteOptions } from "./route-options.ts";
import { AUTO_MODEL } from "./routing/candidates.ts";
import { EMBEDDINGS } from "./turn/dialect.ts";
import { throwFault } from "./turn/fault.ts";

/** Where clients look for models that name the model in the path of a turn. */
const PAGES = "/v1beta/models";
const LIST = "/v1/models";

export function addModelRoutes(server: FastifyInstance, options: RouteOptions): void {
  const page = (request: FastifyRequest) => modelPage(offered(options, request));
  const pageEntry = (request: FastifyRequest) =>
    modelPageEntry(offered(options, request), nameIn(request));
  server.get(PAGES, page);
  server.get(`${PAGES}/*`, pageEntry);
  // What is no turn behind a model's name: without this a wrong method would be blamed.
  server.post(`${PAGES}/*`, (request) => {
    callerOf(options, request);
    const message =
      "Behind a model only generateContent and streamGenerateContent?alt=sse are served here.";
    return throwFault("not_found", message);
  });
  server.get(LIST, (request) =>
    readsModelPage(request.headers)
      ? page(request)
      : modelList(listed(options, request), options.startedAt),
  );
  server.get(`${LIST}/*`, (request) => {
    if (readsModelPage(request.headers)) return pageEntry(request);
    const name = decodeURIComponent(nameIn(request));
    const found = listed(options, request).find(({ id }) => id === name);
    if (found !== undefined) return modelEntry(found, options.startedAt);
    return throwFault("model_not_found", "No model of this name is listed here.", {
      param: "model",
    });
  });
}

function listed(options: RouteOptions, request: FastifyRequest): readonly ListedModel[] {
  callerOf(options, request);
  const { logicalModels, deployments } = options.stations.offer().names;
  const names = [AUTO_MODEL, ...logicalModels.keys()];
  const own = names.map((id) => ({ id, ownedBy: "fairlead" }));
  return [...own, ...deployments.map(({ id, provider }) => ({ id, ownedBy: provider }))];
}

/** Whatever answers in words: models for embeddings cannot be asked there. */
function offered(options: RouteOptions, request: FastifyRequest): readonly OfferedModel[] {
  callerOf(options, request);
  const { logicalModels, deployments } = options.stations.offer().names;
  const names = [AUTO_MODEL, ...logicalModels.keys()];
  const unbounded = names.map((id) => ({ id, contextTokens: null, maxOutputTokens: null }));
  const spoken = deployments.filter(({ dialects }) => dialects.some((name) => name !== EMBEDDINGS));
  return [...unbounded, ...spoken];
}

/** As it was sent: a name may hold slashes, plain or percent-encoded. */
function nameIn({ url }: FastifyRequest): string {
  const path = url.split("?")[0] ?? "";
  const mark = "/models/";
  return path.slice(path.indexOf(mark) + mark.length).replace(/\/$/, "");
}
