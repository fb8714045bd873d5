// What has to be changed in the body that a package wrote, because the model would refuse it. Pure.
// Must never touch a body without need: it is parsed and written anew.

import type { CanonicalCall } from "../../turn/canonical.ts";
import type { UpstreamDialect } from "../../turn/dialect.ts";
import { asObject, parseObject } from "../json-object.ts";

/** Smallest budget of thinking that is taken, in tokens. */
const THINKING_TOKENS_MIN = 1_024;

interface Bounds {
  readonly call: Pick<CanonicalCall, "reasoning">;
  /** Most tokens the model can write; null: not known. */
  readonly most: number | null;
}

/** Null: nothing of this dialect's bodies has to be changed for such a call. */
export function bodyEdit(
  dialect: UpstreamDialect,
  { call, most }: Bounds,
): ((body: string) => string) | null {
  const thinks = call.reasoning !== undefined && call.reasoning !== "none";
  if (dialect !== "anthropic-messages" || most === null || !thinks) return null;
  return (body) => boundThinking(body, most);
}

/** The package adds what may be thought to what may be said: together they can be more than the model takes. */
function boundThinking(text: string, most: number): string {
  const body = parseObject(text);
  const asked = body?.["max_tokens"];
  if (body === null || typeof asked !== "number" || asked <= most) return text;
  const thinking = asObject(body["thinking"]);
  const budget = thinking?.["budget_tokens"];
  if (thinking === null || typeof budget !== "number") {
    return JSON.stringify({ ...body, max_tokens: most });
  }
  const left = Math.min(budget, most - 1);
  const bounded =
    left < THINKING_TOKENS_MIN ? { type: "disabled" } : { ...thinking, budget_tokens: left };
  return JSON.stringify({ ...body, max_tokens: most, thinking: bounded });
}
