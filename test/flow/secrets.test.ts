// Goal: prompts, answers and keys stay out of the log and out of errors, however a turn ends.
// Method: canary strings in everything a caller and a provider send, through every kind of end.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scripted } from "../support/upstream.ts";
import { CALLER_KEY, GOOD, MESSAGES, PROMPT, startScene } from "./refused.ts";

const UPSTREAM_KEY = "secret-lab-1";
const asking = (stream: boolean) => ({ model: "lab/big", messages: JSON.parse(MESSAGES), stream });

const ENDS: readonly (() => Scripted)[] = [
  () => ({ json: { choices: [{ message: { role: "assistant", content: PROMPT } }] } }),
  () => ({ events: [{ choices: [{ delta: { content: PROMPT } }] }], cutAfter: 1 }),
  () => ({ events: [{ error: { message: PROMPT } }] }),
  () => ({ status: 400, json: { error: { message: `no: ${PROMPT}` } } }),
  () => ({ status: 401, json: { error: { message: `bad key ${UPSTREAM_KEY}` } } }),
  () => ({ status: 500, json: { error: { message: PROMPT } } }),
  () => ({ headers: { "content-type": "text/html" }, rawChunks: [PROMPT] }),
  () => ({ refuse: true }),
];

test("prompts and keys stay out of the log, whatever becomes of the turn", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const secrets = { authorization: `Bearer ${CALLER_KEY}`, cookie: "canary-cookie=1" };
  for (const [index, end] of ENDS.entries()) {
    upstream.respond(end);
    for (const stream of [false, true]) {
      const id = { "x-conversation-id": `secrets-${index}-${stream}` };
      await (await gateway.chat(asking(stream), secrets)).text();
      await (await gateway.chat(asking(stream), { ...secrets, ...id })).text();
    }
  }
  await (await gateway.chat(GOOD.slice(0, -4), secrets)).text();
  assert.match(gateway.logged(), /"msg":"turn"/);
  assert.doesNotMatch(gateway.logged(), /canary|secret-lab/);
  const receipts = await gateway.read("/v1/conversations/secrets-0-false/turns");
  assert.doesNotMatch(JSON.stringify(receipts), /canary|secret-lab/);
});

test("a provider that quotes the operator's key back does not get it to the caller", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const message = `Incorrect API key provided: ${UPSTREAM_KEY}.`;
  for (const status of [400, 401, 403, 404, 413, 422, 429, 500, 503]) {
    for (const code of ["invalid_api_key", null]) {
      upstream.respond(() => ({ status, json: { error: { message, code } } }));
      for (const stream of [false, true]) {
        const response = await gateway.chat(asking(stream));
        const text = await response.text();
        assert.ok(response.status >= 400);
        assert.doesNotMatch(text, /secret-lab/, `status ${status}`);
        assert.equal(typeof JSON.parse(text).error.code, "string");
      }
    }
  }
});
