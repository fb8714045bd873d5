// Bedrock as a scripted provider: one address that speaks its three APIs, and checks who signed for what.
// Must never take a request whose signature it did not verify.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { anthropicMessages } from "../support/dialects/anthropic-answer.ts";
import { bedrockConverse } from "../support/dialects/bedrock-answer.ts";
import type { ScriptedDialect } from "../support/dialects/dialect.ts";
import { openaiChat } from "../support/dialects/openai-chat-answer.ts";
import { scripted } from "../support/dialects/scripted-upstream.ts";
import { always, text, type Script } from "../support/dialects/step.ts";
import { startUpstream, type CapturedRequest, type Upstream } from "../support/upstream.ts";
import { checkSignature, type Checked } from "../upstream/signing-check.ts";

export const SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
export const AWS = { accessKeyId: "AKIDEXAMPLEEXAMPLE", secretAccessKey: SECRET };

export interface BedrockUpstream {
  readonly upstream: Upstream;
  /** Who signed each request, in their order; null: a bearer key. */
  readonly signed: readonly (Checked | null)[];
  /** Names of the models that were asked, as they were named upstream. */
  readonly models: () => readonly string[];
  readonly faults: readonly string[];
}

/** `script` may depend on the model that is asked. */
export async function startBedrock(
  t: TestContext,
  script: (model: string) => Script = () => always(text("Hello.")),
): Promise<BedrockUpstream> {
  const faults: string[] = [];
  const signed: (Checked | null)[] = [];
  const models: string[] = [];
  const turns = new Map<string, number>();
  const upstream = await startUpstream(async (request) => {
    const { dialect, path } = spokenAt(request.path);
    const isBearer = request.headers.authorization?.startsWith("Bearer ") === true;
    signed.push(isBearer ? null : checkSignature(request, SECRET));
    // The judges know the dialects' own providers: a signature is checked here, and a key is all they look for.
    const headers =
      isBearer || dialect === bedrockConverse
        ? request.headers
        : { ...request.headers, authorization: "Bearer checked" };
    faults.push(...dialect.validate(path, headers, request.body));
    const model = dialect.modelOf(request);
    models.push(model);
    const turn = (turns.get(model) ?? 0) + 1;
    turns.set(model, turn);
    const step = script(model)({ bodyText: request.raw.toString("utf8"), turn });
    if (step.kind === "error") return dialect.error(step.error, step);
    return scripted(dialect, step, { request, model, turn });
  });
  t.after(() => upstream.close());
  return { upstream, signed, models: () => models, faults };
}

const APIS: readonly (readonly [prefix: string, dialect: ScriptedDialect])[] = [
  ["/anthropic/v1/messages", anthropicMessages],
  ["/openai/v1/chat/completions", openaiChat],
  ["/model/", bedrockConverse],
];

function spokenAt(path: string): { readonly dialect: ScriptedDialect; readonly path: string } {
  const found = APIS.find(([prefix]) => path.startsWith(prefix));
  assert.ok(found, `no API of Bedrock's is at ${path}`);
  const [, dialect] = found;
  return { dialect, path: dialect === bedrockConverse ? path : path.replace(/^\/[a-z]+/, "") };
}

/** The last request, which must have come. */
export function lastOf(upstream: Upstream): CapturedRequest {
  const last = upstream.requests.at(-1);
  assert.ok(last, "nothing was asked");
  return last;
}
