// What goes wrong outside the stations, in our words: the framework's own refusals, and what nobody expected.
// Must never tell a caller a cause: that stays in the log.

import { FaultError, makeFault, type Fault } from "./turn/fault.ts";

/** A known fault, or `internal` for everything else: causes stay in the log. */
export function faultOf(error: unknown): Fault {
  if (error instanceof FaultError) return error.fault;
  return (
    frameworkFault(error) ??
    makeFault("internal", "The gateway failed on this request. Its log says why.")
  );
}

/** The server framework's own refusals, in our words. */
function frameworkFault(error: unknown): Fault | null {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return makeFault(
      "body_too_large",
      "The request body is over the configured limit (limits.bodyBytesMax).",
    );
  }
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    return makeFault(
      "unsupported_media_type",
      "Send the body as `Content-Type: application/json`.",
    );
  }
  if (code === "FST_ERR_BAD_URL") {
    return makeFault("invalid_request", "The path is not a valid URL: check its percent signs.");
  }
  if (code === "FST_ERR_MAX_PARAM_LENGTH") {
    return makeFault("not_found", "Nothing here has so long a name.");
  }
  if (code === "ECONNRESET") {
    return makeFault("client_closed_request", "The client left before its request was complete.");
  }
  if (code === "FST_ERR_CTP_INVALID_CONTENT_LENGTH") {
    return makeFault("invalid_request", "The body is not as long as its Content-Length says.");
  }
  return null;
}
