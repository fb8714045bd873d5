// Who calls, by the key that was presented. The first thing every path but the two probes asks.
// Must never say whether a key exists: missing and unknown are all a caller learns.

import type { IncomingHttpHeaders } from "node:http";
import { readPresentedKey, type Caller, type Keyring } from "./admission/api-key.ts";
import { FaultError, makeFault, type Fault } from "./turn/fault.ts";

/** Why this caller is sent away; null for one that is known. */
export function refuseCaller(
  options: { readonly keyring: Keyring },
  request: { readonly headers: IncomingHttpHeaders },
): Fault | null {
  const identified = options.keyring.identify(readPresentedKey(request.headers));
  return identified.ok ? null : keyFault(identified.code);
}

/** Throws a FaultError for a missing or unknown key. */
export function callerOf(
  options: { readonly keyring: Keyring },
  request: { readonly headers: IncomingHttpHeaders },
): Caller {
  const identified = options.keyring.identify(readPresentedKey(request.headers));
  if (identified.ok) return identified.caller;
  throw new FaultError(keyFault(identified.code));
}

function keyFault(code: "missing_api_key" | "invalid_api_key"): Fault {
  const message =
    code === "missing_api_key"
      ? "Send a gateway key: `Authorization: Bearer llm_gw_…`."
      : "This key is not known here. Check it, or ask the operator for a new one.";
  return makeFault(code, message);
}
