// What a provider's package would leave out of a call, learnt without asking the provider.
// Must never send anything: the package gets an answer that is empty, and only its first word counts.

import { makeModel, type ModelCall, type ModelTarget } from "./models.ts";
import { readWarnings } from "./warnings.ts";

export async function askWarnings(
  target: Omit<ModelTarget, "fetch">,
  call: ModelCall,
): Promise<readonly string[]> {
  const type = target.dialect === "bedrock-converse" ? BINARY : TEXT;
  const fetch = (): Promise<Response> =>
    Promise.resolve(new Response("", { status: 200, headers: { "content-type": type } }));
  const model = await makeModel({ ...target, fetch });
  const { stream } = await model.doStream(call);
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return [];
    if (value.type !== "stream-start") continue;
    await reader.cancel();
    return readWarnings(value.warnings);
  }
}

const TEXT = "text/event-stream";
const BINARY = "application/vnd.amazon.eventstream";
