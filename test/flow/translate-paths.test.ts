// Goal: a caller who may name any model of a provider reaches its models, and nothing else with its key.
// Method: names that mean another path where they are not encoded, relayed and translated.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startDialectUpstream } from "../support/dialects/scripted-upstream.ts";
import { provider, startGateway } from "../support/gateway.ts";

/** Names that a path could be led astray by, if they stood in it as they are. */
const NAMES = [
  "../../evil",
  "x:predict?y=",
  "a#b",
  "a\\..\\..\\b",
  "%2e%2e/%2e%2e/k",
  "tunedModels/../x",
];
/** A version or a collection, one name, a method. */
const GEMINI_PATH =
  /^\/v1beta\/(?:models|tunedModels)\/[^/?#]+:(?:generateContent|streamGenerateContent\?alt=sse)$/;
const CONVERSE_PATH = /^\/model\/[^/?#]+\/converse(?:-stream)?$/;

for (const [dialect, expected] of [
  ["gemini", GEMINI_PATH],
  ["bedrock-converse", CONVERSE_PATH],
] as const) {
  test(`no name of a model leads a ${dialect} provider's key to another path`, async (t) => {
    const upstream = await startDialectUpstream(dialect);
    t.after(() => upstream.close());
    const vendor = dialect === "gemini" ? { vendor: "google-ai-studio" } : {};
    const { models: _none, ...entry } = provider("lab", upstream, { dialect, ...vendor });
    const gateway = await startGateway(t, { providers: [entry] });
    const messages = [{ role: "user", content: "Hello?" }];
    for (const name of NAMES) {
      for (const stream of [false, true]) {
        await (await gateway.chat({ model: `lab/${name}`, messages, stream })).text();
        assert.match(upstream.requests.at(-1)?.path ?? "", expected, name);
      }
    }
    assert.equal(upstream.requests.length, NAMES.length * 2);
    for (const name of [".", ".."]) {
      const { status } = await gateway.chat({ model: `lab/${name}`, messages });
      assert.equal(status, 404);
    }
    assert.equal(upstream.requests.length, NAMES.length * 2);
  });
}
