// Asks the gateway what it saw, through the same public API that everybody has.
// Must never guess: what is missing, or not in the expected shape, is reported as unknown.

import { z } from "zod";

const conversation = z.looseObject({
  id: z.string(),
  corrections: z.array(
    z.looseObject({
      turn: z.number(),
      level: z.number(),
      pattern: z.string(),
      text: z.string(),
      /** Null as long as it is not known. */
      outcome: z.looseObject({ kind: z.string(), turns: z.number() }).nullable(),
    }),
  ),
});

export type DemoConversation = z.infer<typeof conversation>;
export type DemoCorrection = DemoConversation["corrections"][number];

const receipt = z.looseObject({ cost: z.looseObject({ total_usd: z.number() }) });

/** Null when there is none of that id, or it is not in the expected shape. */
export async function readConversation(
  gatewayUrl: string,
  id: string,
): Promise<DemoConversation | null> {
  const body = await readJson(`${gatewayUrl}/v1/conversations/${encodeURIComponent(id)}`);
  return conversation.safeParse(body).data ?? null;
}

/** What the gateway lists of the conversation's turns, as it came; null when it lists none. */
export async function readTurns(gatewayUrl: string, id: string): Promise<unknown> {
  return readJson(`${gatewayUrl}/v1/conversations/${encodeURIComponent(id)}/turns`);
}

/** Cost of one turn in USD from its receipt; null when there is no receipt or no known price. */
export async function readCostUsd(gatewayUrl: string, requestId: string): Promise<number | null> {
  const body = await readJson(`${gatewayUrl}/v1/receipts/${encodeURIComponent(requestId)}`);
  return receipt.safeParse(body).data?.cost.total_usd ?? null;
}

async function readJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (response.ok) return response.json();
  await response.body?.cancel();
  return null;
}
