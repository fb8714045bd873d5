// How Google Cloud is asked for models of the Messages dialect: the model stands in the path, and the body tells the
// platform's version of the dialect instead. Must never send a client's query: it is about another API.

import { createMessagesReader } from "./messages-answer.ts";
import { createCountReader } from "./messages-count.ts";
import type { BodyFields, Outbound } from "./outbound.ts";

const NONE: ReadonlyMap<string, string> = new Map();
const VERSION: ReadonlyMap<string, string> = new Map([
  ["anthropic_version", '"vertex-2023-10-16"'],
]);

const WITHOUT_MODEL: BodyFields = { set: VERSION, defaults: NONE, remove: new Set(["model"]) };
/** Counting is a model of its own there, which is told whose tokens it counts. */
const WITH_MODEL: BodyFields = { set: VERSION, defaults: NONE, remove: new Set() };

export const vertexMessages: Outbound = {
  path({ model, stream }) {
    return `/models/${encodeModel(model)}:${stream ? "streamRawPredict" : "rawPredict"}`;
  },
  fields: WITHOUT_MODEL,
  counting: {
    path: () => "/models/count-tokens:rawPredict",
    fields: WITH_MODEL,
    createReader: createCountReader,
  },
  createReader: createMessagesReader,
};

/** The mark in front of a release stays as it is written everywhere: `claude-opus-4-8@default`. */
function encodeModel(model: string): string {
  return encodeURIComponent(model).replaceAll("%40", "@");
}
