// The seal of a thought, or of a signed call, that comes from a model of another dialect. A client sends back what it
// got, so what the model's own provider must see again travels in the place of the signature.
// Must never open into anything but the few fields that prove a thought: whoever holds a seal can change it.

import { asObject } from "./json-value.ts";

/** What must come back, by the namespace of its provider. */
export type Proofs = Record<string, Record<string, string>>;

export interface Seal {
  /** The call that is proved; null: the thought itself. */
  readonly callId: string | null;
  readonly proofs: Proofs;
}

/** What every seal begins with; no provider's signature holds a dot. */
export const SEAL = "fairlead.";
/** Longest seal that is opened, in characters. */
const SEAL_LENGTH_MAX = 1024 * 1024;

/** What proves a thought; a name alone proves nothing, but goes along. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  anthropic: ["signature", "redactedData"],
  bedrock: ["signature", "redactedData"],
  google: ["thoughtSignature"],
  openai: ["reasoningEncryptedContent", "itemId"],
};
const NAMES: ReadonlySet<string> = new Set(["itemId"]);

/** The seal of a thought; of one without any proof it says whose it is not. */
export function sealThought(metadata: unknown): string {
  return SEAL + encoded(proofsIn(metadata) ?? {});
}

/** The seal of a call that is signed by itself; null for one that is not. */
export function sealCall(callId: string, metadata: unknown): string | null {
  const proofs = proofsIn(metadata);
  return proofs === null ? null : `${SEAL}${encoded(proofs)}.${encoded(callId)}`;
}

/** Whether this stands where a signature would, for a thought of another dialect's model. */
export function isSealed(signature: unknown): boolean {
  return typeof signature === "string" && signature.startsWith(SEAL);
}

/** Null for a signature of the dialect's own provider. */
export function openSeal(signature: string): Seal | null {
  if (!isSealed(signature)) return null;
  if (signature.length > SEAL_LENGTH_MAX) return { callId: null, proofs: {} };
  const [proofs = "", callId = ""] = signature.slice(SEAL.length).split(".");
  const id = decoded(callId);
  return {
    callId: typeof id === "string" ? id : null,
    proofs: proofsIn(decoded(proofs)) ?? {},
  };
}

function proofsIn(metadata: unknown): Proofs | null {
  const known = asObject(metadata) ?? {};
  const found = Object.entries(FIELDS).flatMap(([provider, names]) => {
    const own = asObject(known[provider]) ?? {};
    const proofs = names.flatMap((name): [string, string][] => {
      const value = own[name];
      return typeof value === "string" && value !== "" ? [[name, value]] : [];
    });
    const proves = proofs.some(([name]) => !NAMES.has(name));
    return proves ? [[provider, Object.fromEntries(proofs)] as const] : [];
  });
  return found.length === 0 ? null : Object.fromEntries(found);
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Null for what was not encoded here. */
function decoded(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
