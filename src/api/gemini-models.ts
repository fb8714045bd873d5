// GET …/models and …/models/NAME: what can be asked, as clients of the Gemini dialect read it.
// Must never list a model that this dialect's clients could not ask.

import { throwFault } from "../turn/fault.ts";
import { readModel } from "./gemini-path.ts";
import type { RequestHeaders } from "./headers.ts";

export interface OfferedModel {
  readonly id: string;
  readonly contextTokens: number | null;
  readonly maxOutputTokens: number | null;
}

/** Under the bare version other dialects have their list too: only its headers tell a client of this one. */
export function readsModelPage(headers: RequestHeaders): boolean {
  return headers["x-goog-api-client"] !== undefined || headers["x-goog-api-key"] !== undefined;
}

const METHODS = ["generateContent", "streamGenerateContent"] as const;

/** All on one page. */
export function modelPage(models: readonly OfferedModel[]): object {
  return { models: models.map(modelEntry) };
}

/** The entry of one model; `sent` is what follows `models/` in the path. Throws a FaultError for an unknown one. */
export function modelPageEntry(models: readonly OfferedModel[], sent: string): object {
  const name = readModel(sent);
  const found = models.find(({ id }) => id === name);
  if (found !== undefined) return modelEntry(found);
  return throwFault("model_not_found", "No model of this name is listed here.", { param: "model" });
}

function modelEntry({ id, contextTokens, maxOutputTokens }: OfferedModel) {
  return {
    name: `models/${id}`,
    version: "1",
    displayName: id,
    ...(contextTokens === null ? {} : { inputTokenLimit: contextTokens }),
    ...(maxOutputTokens === null ? {} : { outputTokenLimit: maxOutputTokens }),
    supportedGenerationMethods: METHODS,
  };
}
