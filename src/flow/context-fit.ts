// Counts the tokens of a request, where the plan rests on whether they fit. Most turns are far below every context of
// their plan and are not counted at all. Must never fail a turn: without a count it is planned by its size alone.

import type { Plan } from "../routing/plan.ts";
import type { TurnRequest } from "../turn/turn-request.ts";
import type { CountedPiece } from "../upstream/tokens/counter.ts";
import type { Call, Stations } from "./stations.ts";

/** The call with its tokens, to be planned once more; null: there is nothing to plan anew. */
export async function countForPlan(
  stations: Stations,
  call: Call,
  plan: Plan | null,
): Promise<Call | null> {
  if (plan === null || call.inputTokens !== null || !isTight(call.request, plan)) return null;
  const inputTokens = await stations.tokens.count(piecesOf(call.request));
  return inputTokens === null ? null : { ...call, inputTokens };
}

/** No token is shorter than a byte: what has as much room as the request has bytes surely holds it. */
function isTight(request: TurnRequest, { attempts }: Plan): boolean {
  const most = request.body.length + (request.answerTokens ?? 0);
  return attempts.some(({ deployment: { contextTokens } }) => (contextTokens ?? most) < most);
}

/** All that is text to a model: its messages and its tools. Files are left out, so that a count is never too high. */
export function piecesOf({ transcript, tools }: TurnRequest): readonly CountedPiece[] {
  const messages = Array.from({ length: transcript.count }, (_, index): CountedPiece => {
    const texts = (): readonly string[] => {
      const { role, text, calls, results } = transcript.read(index);
      const asked = calls.flatMap((call) => [call.name, call.arguments]);
      // What a tool said is in its results; a text beside them may repeat what another message says.
      const said = role === "tool" ? [] : [text];
      return [...said, ...asked, ...results.map((result) => result.text)];
    };
    const bytes = transcript.bytes?.(index) ?? Buffer.from(texts().join("\0"));
    return { bytes, texts };
  });
  if (tools === null) return messages;
  return [...messages, { bytes: tools, texts: () => textsIn(JSON.parse(tools.toString("utf8"))) }];
}

/** The names and texts of a tree, without its punctuation: each provider writes that in its own way. */
function textsIn(tree: unknown): readonly string[] {
  if (typeof tree === "string") return [tree];
  if (typeof tree !== "object" || tree === null) return [];
  return Object.values(tree).flatMap(textsIn);
}
