// Reads a provider's error body: the names it gives its error, each at its own place, and nothing else of it.
// Must never look for names in the text: a message can hold what the caller wrote.

import { asObject, parseJson, parseObject } from "./json-object.ts";

/** A name is one word; a sentence in its place is none. */
const NAME = /^[A-Za-z][\w.-]{0,99}$/;
/** Most details of one error that are read. */
const DETAILS_MAX = 16;

export interface ErrorBody {
  /** Code, type, status and reason of the error, as far as it has them. */
  readonly names: readonly string[];
  /** True when it says nothing at all: no name, no message. */
  readonly silent: boolean;
}

export function readErrorBody(body: Buffer): ErrorBody {
  const parsed = parseJson(body.toString("utf8"));
  // Some providers wrap the one error into a list.
  const root = asObject(Array.isArray(parsed) ? parsed[0] : parsed) ?? {};
  const error = asObject(root["error"]) ?? root;
  const { details } = error;
  const reasons = Array.isArray(details)
    ? details.slice(0, DETAILS_MAX).map((detail) => asObject(detail)?.["reason"])
    : [asObject(details)?.["error_code"]];
  const told = [error["code"], error["type"], error["status"], ...reasons];
  const names = told.filter((name): name is string => typeof name === "string" && NAME.test(name));
  const message = error["message"] ?? root["error"];
  return { names, silent: names.length === 0 && (typeof message !== "string" || message === "") };
}

/** Whether a client of this dialect can read the body as an error. */
export function isErrorBody(body: Buffer): boolean {
  const error = parseObject(body.toString("utf8"))?.["error"];
  return asObject(error) !== null || (typeof error === "string" && error !== "");
}
