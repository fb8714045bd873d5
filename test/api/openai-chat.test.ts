// Goal: what a chat request asks for is read from its bytes. Method: small bodies, each with one peculiarity.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readChatRequest } from "../../src/api/openai-chat.ts";

function read(about: object) {
  const body = { model: "auto", messages: [{ role: "user", content: "hi" }], ...about };
  return readChatRequest(Buffer.from(JSON.stringify(body)), { depthMax: 64 });
}

test("an image in a message is seen, and only there", () => {
  const image = { type: "image_url", image_url: { url: "data:," } };
  const tool = { function: { name: "f", parameters: { properties: { image_url: {} } } } };
  assert.equal(read({ messages: [{ role: "user", content: [image] }] }).hasImages, true);
  assert.equal(read({ tools: [tool] }).hasImages, false);
  const quoted = { role: "user", content: 'the field "image_url"' };
  assert.equal(read({ messages: [quoted] }).hasImages, false);
});

test("an empty list of tools is no tools", () => {
  assert.equal(read({ tools: [] }).hasTools, false);
  assert.equal(read({ tools: [{}] }).hasTools, true);
});

test("a demanded shape is told from a free answer", () => {
  assert.equal(read({}).demandsShape, false);
  assert.equal(read({ tool_choice: "auto" }).demandsShape, false);
  assert.equal(read({ tool_choice: "required" }).demandsShape, true);
  assert.equal(read({ response_format: { type: "json_object" } }).demandsShape, true);
});
