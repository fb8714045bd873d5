// The seal of thoughts that come from a model of another dialect: clients send a signature back as it came, so what
// its own provider needs travels in it. This dialect's own provider would refuse a seal.
// Must never change a signature that this dialect's own provider made.

import { z } from "zod";
import type { BodyScan } from "./json-scan.ts";
import type { Edit } from "./splice.ts";

/** A thought as its own provider needs it back. */
const thoughtSchema = z.object({
  text: z.string(),
  metadata: z.record(z.string(), z.record(z.string(), z.json())),
});

export type SealedThought = z.output<typeof thoughtSchema>;

/** Some clients read a signature as bytes, so a seal is base64 from its first character on. */
const SEAL = Buffer.from("fairlead:").toString("base64");
const SEALED = Buffer.from(`"${SEAL}`);
const SIGNATURE_KEY = /"thought_?[sS]ignature"\s*:\s*$/;
/** Longest distance from the key to its value, in bytes. */
const KEY_LOOK_BYTES = 64;
/** What the provider takes where a signature is missing. */
const SKIP = Buffer.from('"skip_thought_signature_validator"');
/** Longest seal that is opened, in characters, and most thoughts in it. */
const SEAL_LENGTH_MAX = 1024 * 1024;
const THOUGHTS_MAX = 64;
const sealSchema = z.array(thoughtSchema).max(THOUGHTS_MAX);
const QUOTE = 0x22;

/** A thought and all that its provider said of it. */
export interface OpenThought {
  readonly text: string;
  readonly metadata: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What stands as the signature of the call behind these thoughts. */
export function sealThoughts(thoughts: readonly OpenThought[]): string {
  return SEAL + Buffer.from(JSON.stringify(thoughts)).toString("base64");
}

/** The thoughts in a seal; null for a signature of this dialect's own provider. */
export function openSeal(signature: string): readonly SealedThought[] | null {
  if (!signature.startsWith(SEAL)) return null;
  if (signature.length > SEAL_LENGTH_MAX) return [];
  const text = Buffer.from(signature.slice(SEAL.length), "base64").toString("utf8");
  try {
    return sealSchema.safeParse(JSON.parse(text)).data ?? [];
  } catch (error) {
    // Whoever changed it gets nothing from it.
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** Replaces the seals in a body that goes to this dialect's own provider. */
export function sealEdits(body: Buffer, scan: BodyScan): readonly Edit[] {
  if (scan.array === null) return [];
  const edits: Edit[] = [];
  let at = body.indexOf(SEALED, scan.array.start);
  while (at !== -1 && at < scan.array.end) {
    const before = body.toString("latin1", Math.max(0, at - KEY_LOOK_BYTES), at);
    // Nothing in base64 needs a quote, so the next one ends the value.
    const end = body.indexOf(QUOTE, at + 1) + 1;
    if (SIGNATURE_KEY.test(before)) edits.push({ start: at, end, bytes: SKIP });
    at = body.indexOf(SEALED, end);
  }
  return edits;
}
