// What every refusal of a bad request has to be, for the tables of bad requests. Must never accept
// less for one of them.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { provider, startGateway, type Json, type TestGateway } from "../support/gateway.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";
import { chatBytes, exchange, type WireAnswer } from "./wire.ts";

/** Stand in every request of the tables; must never come back or be logged. */
export const PROMPT = "canary-prompt-4f1e";
export const CALLER_KEY = "canary-key-93bd";
export const MESSAGES = `[{"role":"user","content":"${PROMPT}"}]`;
export const GOOD = `{"model":"lab/big","messages":${MESSAGES}}`;

export interface BadRequest {
  readonly title: string;
  readonly body?: string | Buffer;
  readonly headers?: readonly string[];
  readonly code: string;
  /** What the message must say for the sender to know what to do. */
  readonly says: RegExp;
  readonly param?: string | undefined;
}

/** All others are 400. */
const STATUS: Readonly<Record<string, number>> = {
  model_not_found: 404,
  unsupported_media_type: 415,
  unsupported_encoding: 415,
};

export async function startScene(
  t: TestContext,
): Promise<{ gateway: TestGateway; upstream: Upstream }> {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  const logicalModels = { "chat-model": [{ to: "lab/big" }] };
  const tree = { providers: [provider("lab", upstream)], logicalModels };
  // Second tries come after the shortest pause.
  const gateway = await startGateway(t, tree, { random: () => 0 });
  return { gateway, upstream };
}

/** Sends each of them to one gateway; each is refused as it should be, and a good one is served at the end. */
export async function assertAllRefused(t: TestContext, table: readonly BadRequest[]) {
  const { gateway, upstream } = await startScene(t);
  for (const bad of table) {
    await t.test(bad.title, async () => {
      const headers = [`Authorization: Bearer ${CALLER_KEY}`, ...(bad.headers ?? [])];
      const bytes = chatBytes({ headers, body: bad.body ?? GOOD });
      assertRefused(await exchange(gateway.url, bytes), bad);
      assert.equal(upstream.requests.length, 0, "nothing went upstream");
    });
  }
  const response = await gateway.chat(GOOD);
  assert.equal(response.status, 200);
  assert.doesNotMatch(gateway.logged(), /canary|secret-lab/);
}

function assertRefused(answer: WireAnswer, bad: BadRequest): void {
  assert.equal(answer.status, STATUS[bad.code] ?? 400, answer.body);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  const { error }: Json = JSON.parse(answer.body);
  assert.equal(error.code, bad.code);
  assert.equal(error.type, "invalid_request_error");
  assert.match(error.message, bad.says);
  if (bad.param !== undefined) assert.equal(error.param, bad.param);
  assert.match(error.request_id, /^req_[0-9a-f]{32}$/);
  assert.equal(answer.headers.get("x-request-id"), error.request_id);
  const own: Json = JSON.parse(answer.headers.get("x-llm-gateway") ?? "{}");
  assert.equal(own.request_id, error.request_id);
  assert.equal(typeof answer.headers.get("x-router-reason"), "string");
  assert.equal(answer.headers.get("x-should-retry"), "false", "an SDK would send it again in vain");
  assert.doesNotMatch(JSON.stringify([answer.body, ...answer.headers]), /canary|secret-lab/);
}
