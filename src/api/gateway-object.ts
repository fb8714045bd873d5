// What the gateway says of itself in an answer, in every dialect. Must never hold text of the conversation.

/** The seed's object in the body of a JSON answer. */
export interface GatewayObject {
  readonly request_id: string;
  readonly routing_decision: string;
  readonly cost_usd: number | null;
  readonly latency_ms: number;
  readonly fallback_used: boolean;
}

/** An SSE comment: SDK parsers pass over it, people and tests can read it. */
export function gatewayComment(gateway: GatewayObject & { readonly state: string | null }): string {
  return `: x-llm-gateway ${JSON.stringify(gateway)}\n\n`;
}

/** Name under which the gateway's own answers are marked. */
export const ENDING_MODEL = "fairlead/ending";

export interface EndingAnswer {
  readonly requestId: string;
  readonly text: string;
  /** Seconds since the epoch. */
  readonly created: number;
}
