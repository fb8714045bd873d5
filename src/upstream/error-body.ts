// Reads a provider's error body: the names it gives its error, each at its own place, its message, and its wait.
// Must never look for names in the text: a message can hold what the caller wrote.

import { asObject, parseJson, parseObject } from "./json-object.ts";

/** A name is one word; a sentence in its place is none. */
const NAME = /^[A-Za-z][\w.-]{0,99}$/;
/** Most details of one error that are read, and most violations of one detail. */
const DETAILS_MAX = 16;
/** Most of a message that is kept, in characters. */
const MESSAGE_LENGTH_MAX = 4_096;
/** Most of a body that is no error of any known shape and is searched for known words, in bytes. */
const WORDS_BYTES_MAX = 4_096;
const DELAY = /^(\d{1,9}(?:\.\d{1,9})?)s$/;
const DAILY_QUOTA = /PerDay/;

export interface ErrorBody {
  /** Code, type, status and reason of the error, as far as it has them. */
  readonly names: readonly string[];
  /** True when it says nothing at all: no name, no message. */
  readonly silent: boolean;
  /** The provider's own sentence; "" for none. It can hold what the caller wrote. */
  readonly message: string;
  /** The message, or the beginning of a body that has none at a known place. */
  readonly words: string;
  /** The wait the body itself tells, in milliseconds; null for none. */
  readonly retryDelayMs: number | null;
  /** True when it is a quota for a whole day that is used up. */
  readonly isDailyQuota: boolean;
}

/** `typeHeader`: the header in which some providers name the error instead (`x-amzn-errortype`). */
export function readErrorBody(body: Buffer, typeHeader: string | null = null): ErrorBody {
  const parsed = parseJson(body.toString("utf8"));
  // Some providers wrap the one error into a list.
  const root = asObject(Array.isArray(parsed) ? parsed[0] : parsed) ?? {};
  const error = asObject(root["error"]) ?? root;
  const { code, type, status, details } = error;
  const listed = Array.isArray(details) ? details.slice(0, DETAILS_MAX).map(asObject) : [];
  const inner = [asObject(details)?.["error_code"], asObject(error["innererror"])?.["code"]];
  const reasons = listed.map((detail) => detail?.["reason"]);
  const typed = [typeHeader, error["__type"]].map(bareType);
  const names = [code, type, status, ...reasons, ...inner, ...typed].filter(isName);
  const message = messageOf(error) ?? messageOf(root) ?? root["error"];
  const said = typeof message === "string" ? message.slice(0, MESSAGE_LENGTH_MAX) : "";
  return {
    names,
    silent: names.length === 0 && said === "",
    message: said,
    words: said === "" ? body.subarray(0, WORDS_BYTES_MAX).toString("latin1") : said,
    retryDelayMs: retryDelay(listed),
    isDailyQuota: listed.some(isDaily),
  };
}

/** Whether a client of this dialect can read the body as an error. */
export function isErrorBody(body: Buffer): boolean {
  const error = parseObject(body.toString("utf8"))?.["error"];
  return asObject(error) !== null || (typeof error === "string" && error !== "");
}

function isName(name: unknown): name is string {
  return typeof name === "string" && NAME.test(name);
}

function messageOf(error: Record<string, unknown>): unknown {
  return error["message"] ?? error["Message"];
}

/** `com.amazon#ThrottlingException:http://…` is a ThrottlingException. */
function bareType(type: unknown): unknown {
  return typeof type === "string" ? type.split(":")[0]?.split("#").at(-1)?.trim() : null;
}

function retryDelay(details: readonly (Record<string, unknown> | null)[]): number | null {
  for (const detail of details) {
    const delay = detail?.["retryDelay"];
    const seconds = typeof delay === "string" ? DELAY.exec(delay)?.[1] : undefined;
    if (seconds !== undefined) return Number(seconds) * 1_000;
  }
  return null;
}

function isDaily(detail: Record<string, unknown> | null): boolean {
  const violations = detail?.["violations"];
  if (!Array.isArray(violations)) return false;
  return violations.slice(0, DETAILS_MAX).some((violation) => {
    const quota = asObject(violation)?.["quotaId"];
    return typeof quota === "string" && DAILY_QUOTA.test(quota);
  });
}
