// What shows a provider who asks, request by request. Made once for each provider, from its access.
// Must never put a secret into an error, nor send one to anybody but its own platform.

import type { UpstreamFault } from "../classify.ts";

export interface SignedRequest {
  readonly method: "GET" | "POST";
  /** Whole address, with its query. */
  readonly url: string;
  /** The operator's headers for this provider; lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Exactly the bytes that are sent; null for none. */
  readonly body: Buffer | string | null;
}

export interface Signer {
  /** Headers to add to the request. Rejects with an AccessError when there is nothing to sign with. */
  sign(request: SignedRequest): Promise<Readonly<Record<string, string>>>;
  /** The provider did not take what was signed: whatever is kept for further requests is thrown away. */
  forget(): void;
  /** What no answer may quote. */
  secrets(): readonly string[];
  close(): Promise<void>;
}

/** Nothing could be signed, so nothing was sent. */
export class AccessError extends Error {
  override readonly name = "AccessError";
  readonly failure: UpstreamFault;

  constructor(failure: UpstreamFault) {
    super(failure.fault.message);
    this.failure = failure;
  }
}
