// What a client of chat completions makes of a streamed answer: its text and its calls.
// Must never pass over an error in the stream.

import assert from "node:assert/strict";
import type { Json } from "../support/gateway.ts";

interface StreamedCall {
  id: string;
  name: string;
  arguments: string;
}

export interface Streamed {
  readonly text: string;
  readonly calls: readonly StreamedCall[];
}

export async function streamedIn(response: Response): Promise<Streamed> {
  const body = await response.text();
  assert.equal(response.status, 200, body);
  assert.match(body, /data: \[DONE\]\n\n$/);
  const calls: StreamedCall[] = [];
  let text = "";
  for (const line of body.split("\n")) {
    if (!line.startsWith("data: {")) continue;
    const event: Json = JSON.parse(line.slice("data: ".length));
    assert.equal(event.error, undefined);
    const delta: Json = event.choices?.[0]?.delta ?? {};
    text += delta.content ?? "";
    for (const piece of delta.tool_calls ?? []) {
      const call = (calls[piece.index] ??= { id: piece.id, name: "", arguments: "" });
      call.name += piece.function?.name ?? "";
      call.arguments += piece.function?.arguments ?? "";
    }
  }
  return { text, calls };
}
