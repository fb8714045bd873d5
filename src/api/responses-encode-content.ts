// The content of a whole answer as output items. Must never differ from what the events of a stream build up.

import type { CanonicalContent } from "../turn/canonical.ts";
import type { AnswerIdentity } from "./codec.ts";
import { callItem, itemId, proofItem, proofOf } from "./responses-encode-call.ts";
import type { OutputItem } from "./responses-encode-item.ts";
import { thoughtItem } from "./responses-encode-thought.ts";
import { messageItem } from "./responses-event.ts";

export function contentItems(
  content: readonly CanonicalContent[],
  { requestId, renamedTools }: AnswerIdentity,
): readonly OutputItem[] {
  const output: OutputItem[] = [];
  const name = (): string => `${requestId}_${output.length}`;
  for (const part of content) {
    if (part.type === "text" && part.text !== "") {
      output.push(messageItem(`msg_${name()}`, part.text));
    } else if (part.type === "reasoning") {
      output.push(thoughtItem(`rs_${name()}`, part.text, part.providerMetadata));
    } else if (part.type === "tool-call" && part.providerExecuted !== true) {
      const { toolCallId, toolName, input, providerMetadata } = part;
      const named = renamedTools?.get(toolName) ?? null;
      const call = { callId: toolCallId, toolName, named, providerMetadata };
      const proof = proofOf(call);
      if (proof !== null) output.push(proofItem(`rs_${name()}`, proof));
      output.push(callItem(itemId(name(), call), call, input));
    }
  }
  return output;
}
