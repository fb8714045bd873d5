// Who calls, by the key that was presented. The first thing every path but the two probes asks.
// Must never say whether a key exists: missing and unknown are all a caller learns.

import type { IncomingHttpHeaders } from "node:http";
import { readPresentedKey, type Caller, type Keyring } from "./admission/api-key.ts";
import { throwFault } from "./turn/fault.ts";

/** Throws a FaultError for a missing or unknown key. */
export function callerOf(
  options: { readonly keyring: Keyring },
  request: { readonly headers: IncomingHttpHeaders },
): Caller {
  const identified = options.keyring.identify(readPresentedKey(request.headers));
  if (identified.ok) return identified.caller;
  const message =
    identified.code === "missing_api_key"
      ? "Send a gateway key: `Authorization: Bearer llm_gw_…`."
      : "This key is not known here. Check it, or ask the operator for a new one.";
  return throwFault(identified.code, message);
}
