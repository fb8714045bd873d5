// The headers by which a provider knows who asks, with those that its operator adds: a key, or a signature.
// Must never be asked for one provider with another one's route.

import type { UpstreamFault } from "./classify.ts";
import { keyHeader } from "./key-header.ts";
import { AccessError, type SignedRequest } from "./signing/signer.ts";
import type { Route } from "./transport.ts";

export interface AuthorizedRequest extends Pick<SignedRequest, "method" | "body"> {
  /** From the root of the provider's host, with its query. */
  readonly path: string;
  /** The key itself; null where the provider asks for none, or for signatures. */
  readonly key: string | null;
}

export type Authorized =
  | { readonly ok: true; readonly headers: Readonly<Record<string, string>> }
  /** There is nothing to sign with: nothing must be sent. */
  | { readonly ok: false; readonly failure: UpstreamFault };

/** `body` must be what is sent, to the byte. */
export async function authorize(
  { provider, signer, origin }: Route,
  { method, path, body, key }: AuthorizedRequest,
): Promise<Authorized> {
  const { headers } = provider;
  if (signer === null) {
    return { ok: true, headers: { ...keyHeader(provider.keyHeader, key), ...headers } };
  }
  try {
    const signed = await signer.sign({ method, url: origin + path, headers, body });
    return { ok: true, headers: { ...headers, ...signed } };
  } catch (error) {
    if (error instanceof AccessError) return { ok: false, failure: error.failure };
    throw error;
  }
}
