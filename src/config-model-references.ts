// What must fit together between a provider and the models it lists: dialects, and embeddings.
// Must never report what the schema reports already.

import { z } from "zod";
import type { ConfigFault } from "./config-faults.ts";
import { findVendor, isServedDialect } from "./upstream/vendors.ts";

/** A listed model, read with forgiveness. */
export const modelOutline = z
  .object({
    id: z.string().nullable().catch(null),
    dialect: z.unknown().optional(),
    capabilities: z.array(z.unknown()).catch([]),
  })
  .catch({ id: null, capabilities: [] });

export interface ModelsOutline {
  readonly id: string | null;
  readonly vendor: string | null;
  readonly dialect: string | readonly string[] | null;
  readonly models: readonly z.output<typeof modelOutline>[] | null;
}

/** Embeddings are relayed, so their provider must speak the one format in which they are served. */
export function checkEmbeddings(
  { id, vendor, dialect, models }: ModelsOutline,
  at: (index: number) => string,
): ConfigFault[] {
  const known = findVendor(vendor ?? id ?? "");
  const spoken = dialect ?? known?.dialects ?? ["openai-chat"];
  const named = typeof spoken === "string" ? [spoken] : spoken;
  // Platforms speak it at addresses that have no embeddings.
  const isElsewhere = known?.platform === "aws" || known?.platform === "google";
  if (!isElsewhere && named.some((name) => name.startsWith("openai-"))) return [];
  const message = "serves embeddings, which takes a provider that speaks openai-chat";
  return (models ?? []).flatMap(({ capabilities }, index) =>
    capabilities.includes("embeddings") ? [{ path: `${at(index)}.capabilities`, message }] : [],
  );
}

/** A model may be asked in less than its provider speaks, never in more. */
export function checkDialects(
  { id, vendor, dialect, models }: ModelsOutline,
  at: (index: number) => string,
): ConfigFault[] {
  const spoken = dialect ?? findVendor(vendor ?? id ?? "")?.dialects ?? ["openai-chat"];
  const served: readonly unknown[] = typeof spoken === "string" ? [spoken] : spoken;
  const message = `is not spoken by its provider; what is: ${served.join(", ")}`;
  return (models ?? []).flatMap((model, index) => {
    const named: readonly unknown[] = [model.dialect].flat();
    const isSpoken = named.every((name) => !isServed(name) || served.includes(name));
    return isSpoken ? [] : [{ path: at(index), message }];
  });
}

/** Whatever is no dialect at all has its own fault. */
function isServed(name: unknown): boolean {
  return typeof name === "string" && isServedDialect(name);
}
