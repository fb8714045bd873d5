// The signer for a provider's access. Must never make one that asks anybody but its own platform.

import type { Access } from "./access.ts";
import { createGoogleSigner } from "./google-token.ts";
import type { Signer } from "./signer.ts";
import { createSigV4Signer } from "./sigv4.ts";
import { createPostForm } from "./token-exchange.ts";

export interface SigningProvider {
  readonly access?: Access | null;
  readonly allowPrivateAddress: boolean;
}

export interface SigningOptions {
  readonly connectMs: number;
  readonly clock: { readonly now: () => number; readonly monotonicMs: () => number };
}

/** Null: a key in a header is all that the provider asks for. */
export function createSigner(
  { access = null, allowPrivateAddress }: SigningProvider,
  { connectMs, clock }: SigningOptions,
): Signer | null {
  if (access === null) return null;
  if (access.kind === "aws") return createSigV4Signer(access, clock.now);
  const { account } = access;
  const post = createPostForm({ url: account.tokenUrl, allowPrivateAddress, connectMs });
  return createGoogleSigner({ account, post, ...clock });
}
