// The gateway's own response headers, the same on every answer. Must never carry text that a model or a caller wrote.

/** What every answer says of itself. */
export interface AnswerFacts {
  readonly requestId: string;
  readonly profile: string | null;
  /** `provider/model`, `fairlead/ending`, or null when nothing answered. */
  readonly model: string | null;
  readonly reason: string;
  readonly decision: string;
  readonly conversation: {
    readonly id: string;
    readonly identity: string;
    readonly turn: number;
    readonly state: string;
    readonly pin: string;
  } | null;
  /** Value of `x-conversation-identity` when there is no conversation but something to stick to. */
  readonly stickyIdentity: string | null;
  /** What of the request could not be carried to the model. */
  readonly warnings: readonly string[];
}

/** Longest value of `x-router-warnings`, in characters. */
const WARNINGS_LENGTH_MAX = 1_024;

export function answerHeaders(facts: AnswerFacts): Record<string, string> {
  const headers: Record<string, string> = {
    "x-request-id": facts.requestId,
    "x-router-reason": headerText(facts.reason),
    "x-llm-gateway": gatewayHeader(facts),
  };
  if (facts.profile !== null) headers["x-router-profile"] = facts.profile;
  if (facts.warnings.length > 0) {
    const text = facts.warnings.join(" | ").slice(0, WARNINGS_LENGTH_MAX);
    headers["x-router-warnings"] = headerText(text);
  }
  if (facts.model !== null) headers["x-router-model"] = headerText(facts.model);
  const { conversation } = facts;
  if (conversation === null) {
    if (facts.stickyIdentity !== null) headers["x-conversation-identity"] = facts.stickyIdentity;
    return headers;
  }
  headers["x-conversation-id"] = headerText(conversation.id);
  headers["x-conversation-identity"] = conversation.identity;
  headers["x-conversation-turn"] = String(conversation.turn);
  headers["x-conversation-state"] = conversation.state;
  headers["x-router-pin"] = conversation.pin;
  return headers;
}

/** Both values are ours and need no escaping: written out, it costs a third of JSON.stringify. */
function gatewayHeader({ requestId, decision }: AnswerFacts): string {
  return `{"request_id":"${requestId}","routing_decision":"${decision}","receipt":"/v1/receipts/${requestId}"}`;
}

/** Headers of an answer that no station had a say in: nothing was routed, and there is no receipt. */
export function refusalHeaders(requestId: string): Record<string, string> {
  return {
    "x-request-id": requestId,
    "x-router-reason": "refused before a model was chosen",
    "x-llm-gateway": `{"request_id":"${requestId}","routing_decision":"none","receipt":null}`,
  };
}

/** Header values are latin1 without control characters; anything else is replaced. */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : text.replace(/[^\x20-\x7e]/g, "?");
}

/**
 * Headers of an upstream answer that the client gets to see. Each is named, because others tell of the
 * operator's account: openai-organization, openai-project.
 */
const PASSED_ON =
  /^(openai-processing-ms$|openai-version$|x-codex-turn-state$|x-ratelimit-|ratelimit)/;

/** Most upstream headers passed on. */
const PASSED_ON_MAX = 32;

/** The few upstream headers that mean something to a client; all others stay inside. */
export function passedOnHeaders(
  upstream: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const passed: Record<string, string> = {};
  let count = 0;
  for (const name in upstream) {
    const value = upstream[name];
    if (typeof value !== "string") continue;
    if (name === "content-type") passed[name] = value;
    else if (name === "x-request-id") passed["x-upstream-request-id"] = value;
    else if (PASSED_ON.test(name) && count < PASSED_ON_MAX) {
      passed[name] = value;
      count += 1;
    }
  }
  return passed;
}
