// What the scripted upstreams promise whatever their dialect: the script, its troubles, and the
// record of faults.

import assert from "node:assert/strict";
import { test } from "node:test";
import { started } from "./dialect-scene.ts";
import { startDialectUpstream } from "./scripted-upstream.ts";
import { always, cut, endsEarly, holds, inOrder, slow, text } from "./step.ts";

const HEADERS = { "content-type": "application/json", authorization: "Bearer k" };

function ask(baseUrl: string, more: object = {}, signal: AbortSignal | null = null) {
  const body = { model: "m", messages: [{ role: "user", content: "Hello?" }], ...more };
  return fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: HEADERS,
    body: JSON.stringify(body),
    signal,
  });
}

test("steps are played in order, the last one again, and a new script begins anew", async (t) => {
  const upstream = await started(t, "openai-chat", inOrder(text("one"), text("two")));
  const said = async () =>
    /"content":"(\w+)"/.exec(await (await ask(upstream.baseUrl)).text())?.[1];
  assert.deepEqual([await said(), await said(), await said()], ["one", "two", "two"]);
  upstream.play(inOrder(text("three"), text("four")));
  assert.deepEqual([await said(), await said()], ["three", "four"]);
});

test("faults are recorded by their request, which is answered all the same", async (t) => {
  const upstream = await started(t, "openai-chat");
  await (await ask(upstream.baseUrl)).text();
  const response = await ask(upstream.baseUrl, { max_token: 5 });
  assert.equal(response.status, 200);
  await response.text();
  assert.deepEqual(upstream.faults, ['request 2: unknown key "max_token"']);
  assert.deepEqual(upstream.faultsByRequest, [[], ['unknown key "max_token"']]);
});

test("a strict upstream answers a faulty request with 400 and keeps its step", async (t) => {
  const options = { refusesFaults: true };
  const script = inOrder(text("one"), text("two"));
  const upstream = await startDialectUpstream("openai-chat", script, options);
  t.after(() => upstream.close());
  const refused = await ask(upstream.baseUrl, { max_token: 5 });
  assert.equal(refused.status, 400);
  await refused.text();
  assert.match(await (await ask(upstream.baseUrl)).text(), /"one"/);
});

test("faults name their place, the nearest of several shapes included", async (t) => {
  const upstream = await started(t, "openai-chat");
  const parts = [{ type: "text", text: 1 }];
  const more = { messages: [{ role: "user", content: parts }], tool_choice: "never" };
  await (await ask(upstream.baseUrl, more)).text();
  const [first, ...rest] = upstream.faults;
  assert.match(first ?? "", /^request 1: messages\[0\]\.content\[0\]\.text: .*string/);
  assert.match(rest.join("\n"), /tool_choice: .*"none"/);
});

test("a stream is cut, ended early or held; a whole answer with that never comes", async (t) => {
  const upstream = await started(t, "openai-chat", always(endsEarly(text("Half of it."), 2)));
  const stream = { stream: true };
  const words = await (await ask(upstream.baseUrl, stream)).text();
  assert.equal(words.match(/^data: /gm)?.length, 2);
  await assert.rejects(ask(upstream.baseUrl));
  upstream.play(always(cut(text("Half of it."), 2)));
  const half = await ask(upstream.baseUrl, stream);
  await assert.rejects(half.text());
  upstream.play(always(holds(text("Half of it."), 1)));
  const leave = new AbortController();
  const held = await ask(upstream.baseUrl, stream, leave.signal);
  const reader = held.body?.getReader();
  const piece = await reader?.read();
  assert.match(new TextDecoder().decode(piece?.value), /^data: /);
  leave.abort();
  await upstream.requests.at(-1)?.aborted;
});

test("a slow answer comes whole in the end", async (t) => {
  const upstream = await started(t, "openai-chat", always(slow(text("Slowly, slowly."), 2)));
  const whole = await ask(upstream.baseUrl);
  assert.match(await whole.text(), /Slowly, slowly\./);
  const streamed = await (await ask(upstream.baseUrl, { stream: true })).text();
  assert.match(streamed, /\[DONE\]/);
});
