// The events of a streamed message, and the usage they tell: what everything that writes this dialect shares.
// Must never write an event without its name: clients choose by it.

export interface MessageEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** One event, complete with its blank line. */
export function messageEvent(event: MessageEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The event without which a stream counts as cut. */
export const MESSAGE_STOP = messageEvent({ type: "message_stop" });

export interface MessageHead {
  readonly id: string;
  readonly model: string;
}

/** A message before anything of it is there. */
export function emptyMessage({ id, model }: MessageHead) {
  return {
    id,
    type: "message",
    role: "assistant",
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    usage: messageUsage({}),
  };
}

/** In tokens; what is not told is 0. `input` leaves out what the cache held or took. */
export function messageUsage(told: {
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
}) {
  return {
    input_tokens: told.input ?? 0,
    cache_creation_input_tokens: told.cacheWrite ?? 0,
    cache_read_input_tokens: told.cacheRead ?? 0,
    output_tokens: told.output ?? 0,
  };
}
