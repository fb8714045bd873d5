// The path of a Gemini request: it holds what other dialects write into the body, the model and whether to stream.
// Must never pass anything of the query on: clients put their key there.

import { throwFault } from "../turn/fault.ts";

/** Longest model name, in characters. */
const MODEL_LENGTH_MAX = 256;
/** The version, the model as it was sent, and the method. */
const METHOD_PATH =
  /^\/(v1(?:alpha|beta)?)\/(.+?)(?::|%3a)(generateContent|streamGenerateContent)\/?$/i;
/** What no other dialect has: a version with a word, or a method behind a model. */
const OWN_PATH = /^\/v1(?:(?:alpha|beta)\/|\/models\/[^?]+(?::|%3a)\w+\/?(?:\?|$))/i;
/** Some clients leave it out where the model's name has a slash of its own. */
const COLLECTION = "models/";

export interface GeminiTarget {
  /** Name of the model, decoded. */
  readonly model: string;
  readonly stream: boolean;
}

/** Whether a POST to this path, without its query, is a turn. */
export function isGeminiTurn(path: string): boolean {
  const [, version, model] = METHOD_PATH.exec(path) ?? [];
  if (version === undefined || model === undefined) return false;
  // Under the bare version other dialects have their paths.
  return version !== "v1" || decoded(model)?.startsWith(COLLECTION) === true;
}

/** Whether a client of this dialect is likelier than any other to ask at this path. */
export function isGeminiPath(path: string): boolean {
  return OWN_PATH.test(path);
}

/** Reads the URL of a turn. Throws a FaultError that says what to change. */
export function readGeminiUrl(url: string): GeminiTarget {
  const end = url.indexOf("?");
  const path = end === -1 ? url : url.slice(0, end);
  const query = new URLSearchParams(end === -1 ? "" : url.slice(end));
  const [, , sent = "", method = ""] = METHOD_PATH.exec(path) ?? [];
  const stream = method.toLowerCase() === "streamgeneratecontent";
  checkForm(query.get("alt") ?? query.get("$alt"), stream);
  return { model: readModel(sent), stream };
}

/** The model of a path that reads about one: `models/lab/big`, percent-encoded or not. */
export function readModel(sent: string): string {
  const name = decoded(sent) ?? "";
  const model = name.startsWith(COLLECTION) ? name.slice(COLLECTION.length) : name;
  if (model !== "" && model.length <= MODEL_LENGTH_MAX) return model;
  const message = 'The path must name a model, as in models/auto: "auto" leaves the choice to us.';
  return throwFault("invalid_request", message, { param: "model" });
}

function checkForm(form: string | null, stream: boolean): void {
  if (stream && form !== "sse") {
    const message =
      "Streams are served as events only: add ?alt=sse to the path of streamGenerateContent.";
    throwFault("invalid_request", message, { param: "alt" });
  }
  if (!stream && form !== null && form !== "json") {
    const message = "generateContent answers in JSON only: leave `alt` out of the query.";
    throwFault("invalid_request", message, { param: "alt" });
  }
}

/** Null for what is no percent-encoding. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
