// Google Cloud as a scripted provider: tokens for its service account, and the models of three makers behind one host.
// Must never answer a model's call without a token that it gave out itself, or a key it knows.

import assert from "node:assert/strict";
import { createVerify, generateKeyPairSync } from "node:crypto";
import type { TestContext } from "node:test";
import { anthropicMessages } from "../support/dialects/anthropic-answer.ts";
import type { ScriptedDialect } from "../support/dialects/dialect.ts";
import { gemini } from "../support/dialects/gemini-answer.ts";
import { isJson } from "../support/dialects/judge.ts";
import { openaiChat } from "../support/dialects/openai-chat-answer.ts";
import { scripted } from "../support/dialects/scripted-upstream.ts";
import { always, text, type Script } from "../support/dialects/step.ts";
import {
  startUpstream,
  type CapturedRequest,
  type Scripted,
  type Upstream,
} from "../support/upstream.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PEM = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
export const API_KEY = "vertex-express-key";

export interface VertexUpstream {
  readonly upstream: Upstream;
  /** The key file of its account, as JSON. */
  readonly credentials: string;
  /** Requests for an answer; those for tokens are not among them. */
  readonly asked: () => readonly CapturedRequest[];
  readonly tokens: () => number;
  readonly faults: readonly string[];
  /** Answers requests for tokens otherwise; null: as always. */
  refuseTokens(answer: Scripted | null): void;
  /** Takes none of the tokens given out so far any more. */
  revoke(): void;
}

export async function startVertex(
  t: TestContext,
  script: Script = always(text("Hello.")),
): Promise<VertexUpstream> {
  const faults: string[] = [];
  const asked: CapturedRequest[] = [];
  const given = new Set<string>();
  let tokens = 0;
  let refusal: Scripted | null = null;
  const upstream = await startUpstream((request) => {
    if (request.path === "/token") {
      if (refusal !== null) return refusal;
      verifyAssertion(request, `${upstream.url}/token`);
      tokens += 1;
      given.add(`Bearer token-number-${tokens}`);
      return { json: { access_token: `token-number-${tokens}`, expires_in: 3_600 } };
    }
    asked.push(request);
    const { authorization } = request.headers;
    const isKnown = request.headers["x-goog-api-key"] === API_KEY && authorization === undefined;
    if (!isKnown && !given.has(authorization ?? "")) {
      return {
        status: 401,
        json: { error: { code: 401, status: "UNAUTHENTICATED", message: "no" } },
      };
    }
    const spoken = spokenIn(request);
    const { dialect, model } = spoken;
    // The version stands in the body here, where the judge looks for a header.
    const headers = { "anthropic-version": "2023-06-01", ...request.headers };
    faults.push(...spoken.faults, ...dialect.validate(spoken.path, headers, spoken.body));
    const step = script({ bodyText: request.raw.toString("utf8"), turn: asked.length });
    if (step.kind === "error") return dialect.error(step.error, step);
    // The path tells what is streamed, and the judges look for the dialect's own.
    const read = { ...request, path: spoken.path, body: spoken.body };
    return scripted(dialect, step, { request: read, model, turn: asked.length });
  });
  t.after(() => upstream.close());
  const account = {
    type: "service_account",
    project_id: "my-project",
    private_key_id: "key-1",
    private_key: PEM,
    client_email: "gateway@my-project.iam.gserviceaccount.com",
    token_uri: `${upstream.url}/token`,
  };
  return {
    upstream,
    credentials: JSON.stringify(account),
    asked: () => asked,
    tokens: () => tokens,
    faults,
    refuseTokens: (answer) => {
      refusal = answer;
    },
    revoke: () => given.clear(),
  };
}

function verifyAssertion({ raw }: CapturedRequest, audience: string): void {
  const form = new URLSearchParams(raw.toString());
  const [header = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
  const isSigned = createVerify("RSA-SHA256")
    .update(`${header}.${claims}`)
    .verify(publicKey, signature, "base64url");
  assert.ok(isSigned, "the assertion is not signed by the account");
  assert.equal(JSON.parse(Buffer.from(claims, "base64url").toString()).aud, audience);
}

interface Spoken {
  readonly dialect: ScriptedDialect;
  readonly model: string;
  /** Path and body as the dialect's own provider would have them. */
  readonly path: string;
  readonly body: unknown;
  readonly faults: readonly string[];
}

const PLACE = String.raw`projects/my-project/locations/[a-z0-9-]+`;
const CALL = new RegExp(
  String.raw`^/v1/(?:${PLACE}/)?publishers/(google|anthropic)/models/([^/:?]+):(\w+)(\?alt=sse)?$`,
);
const OPEN_API = new RegExp(String.raw`^/v1/${PLACE}/endpoints/openapi(/.+)$`);

function spokenIn({ path, body }: CapturedRequest): Spoken {
  const openApi = OPEN_API.exec(path)?.[1];
  if (openApi !== undefined) {
    const model = isJson(body) ? String(body["model"]) : "";
    return { dialect: openaiChat, model, path: `/v1${openApi}`, body, faults: [] };
  }
  const [, publisher, name = "", method = "", query = ""] = CALL.exec(path) ?? [];
  const model = decodeURIComponent(name);
  if (publisher === "google") {
    const own = `/v1beta/models/${name}:${method}${query}`;
    return { dialect: gemini, model, path: own, body, faults: functionIds(body) };
  }
  assert.ok(publisher === "anthropic" && isJson(body), `nothing is at ${path}`);
  const { anthropic_version: version, ...rest } = body;
  const isStream = rest["stream"] === true;
  const faults = [
    ...(version === "vertex-2023-10-16" ? [] : [`anthropic_version: ${String(version)}`]),
    ...(isStream === (method === "streamRawPredict") ? [] : [`${method} with stream ${isStream}`]),
  ];
  if (model === "count-tokens") {
    const counted = "/v1/messages/count_tokens";
    return { dialect: countTokens, model, path: counted, body: rest, faults };
  }
  const named = "model" in rest ? ["model: stands in the path"] : [];
  const whole = { ...rest, model };
  const own = "/v1/messages";
  return {
    dialect: anthropicMessages,
    model,
    path: own,
    body: whole,
    faults: [...faults, ...named],
  };
}

/** The answer stands aside from all scripts. */
const countTokens: ScriptedDialect = {
  ...anthropicMessages,
  isStream: () => false,
  answer: () => ({ input_tokens: 42 }),
};

/** Calls have no ids there. */
function functionIds(body: unknown): readonly string[] {
  const told = JSON.stringify(body);
  return /"function(?:Call|Response)":\{[^{}]*"id":/.test(told)
    ? ["functionCall.id: unknown field"]
    : [];
}
