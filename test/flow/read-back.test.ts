// Goal: everything a conversation is and did can be read back, page by page, and a person can step in.
// Method: the lists, filters, cursors and actions of the API, on conversations made through the front door.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { agentBody, honestRounds, opening, stuckRounds } from "../support/agent-turns.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type Json,
  type TestGateway,
} from "../support/gateway.ts";
import { startUpstream, toolAnswer } from "../support/upstream.ts";

const MARKER = "[fairlead]";

async function startScene(t: TestContext) {
  // It asks for its tool for ever, so that no loop ends by itself.
  const upstream = await startUpstream(toolAnswer("search", { q: "report" }));
  t.after(() => upstream.close());
  const models = [
    model("big", { model: "big-1" }),
    model("other", { model: "other-1", price: { input: 9, output: 9 } }),
  ];
  return {
    upstream,
    gateway: await startGateway(t, { providers: [provider("lab", upstream, { models })] }),
  };
}

async function send(
  gateway: TestGateway,
  headers: Readonly<Record<string, string>>,
  body: unknown = agentBody(opening("Do it.")),
): Promise<Response> {
  const response = await gateway.chat(body, headers);
  await response.arrayBuffer();
  return response;
}

async function ask(gateway: TestGateway, method: string, path: string, body: unknown = null) {
  const response = await fetch(`${gateway.url}${path}`, {
    method,
    headers: body === null ? {} : { "content-type": "application/json" },
    body: body === null ? null : typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const parsed: Json = text === "" ? null : JSON.parse(text);
  return { status: response.status, body: parsed };
}

const act = (gateway: TestGateway, id: string, action: string) =>
  ask(gateway, "POST", `/v1/conversations/${id}/actions`, { action });

/** Follows the cursors of a list to its end. */
async function readAll(gateway: TestGateway, path: string): Promise<Json[][]> {
  const pages: Json[][] = [];
  let cursor = "";
  do {
    const joint = path.includes("?") ? "&" : "?";
    const page = await gateway.read(
      `${path}${cursor === "" ? "" : `${joint}cursor=${encodeURIComponent(cursor)}`}`,
    );
    assert.equal(page.has_more, page.next_cursor !== null);
    pages.push(page.data);
    cursor = page.next_cursor ?? "";
    assert.ok(pages.length < 100, "the cursors lead to an end");
  } while (cursor !== "");
  return pages;
}

/** A thread that was corrected once and goes on as before. */
async function loop(gateway: TestGateway, id: string): Promise<void> {
  for (let rounds = 0; rounds <= 4; rounds += 1) {
    await send(
      gateway,
      inConversation(id),
      agentBody([...opening("Do it."), ...stuckRounds(rounds)]),
    );
  }
}

test("conversations are listed newest first, page by page, each exactly once", async (t) => {
  const { gateway } = await startScene(t);
  const ids = Array.from({ length: 23 }, (_, index) => `task-${index}`);
  for (const id of ids) await send(gateway, inConversation(id, "CHAT"));
  await send(gateway, inConversation("task-5", "CHAT"));
  const pages = await readAll(gateway, "/v1/conversations?limit=5");
  assert.deepEqual(
    pages.map(({ length }) => length),
    [5, 5, 5, 5, 3],
  );
  const listed = pages.flat().map(({ id }) => id);
  assert.equal(listed[0], "task-5");
  assert.equal(new Set(listed).size, ids.length);
  const times = pages.flat().map(({ updated_at }) => Date.parse(updated_at));
  assert.deepEqual(
    times,
    times.toSorted((left, right) => right - left),
  );
});

test("the list is filtered by state and profile", async (t) => {
  const { gateway } = await startScene(t);
  await send(gateway, inConversation("calm"));
  await send(gateway, inConversation("talk", "CHAT"));
  await loop(gateway, "stuck");
  await send(gateway, { ...inConversation("over"), "x-conversation-final": "true" });
  const idsOf = async (query: string) =>
    (await gateway.read(`/v1/conversations?${query}`)).data.map(({ id }: Json) => id).toSorted();
  assert.deepEqual(await idsOf("state=correcting"), ["stuck"]);
  assert.deepEqual(await idsOf("state=steady"), ["calm", "talk"]);
  assert.deepEqual(await idsOf("state=closed"), ["over"]);
  assert.deepEqual(await idsOf("profile=chat"), ["talk"]);
  assert.deepEqual(await idsOf("profile=AGENT&state=steady"), ["calm"]);
  assert.deepEqual(await idsOf("state=nonesuch"), []);
});

test("a wrong limit or cursor is the caller's mistake, said by name", async (t) => {
  const { gateway } = await startScene(t);
  await send(gateway, inConversation("calm"));
  const wrong = [
    ["limit", "limit=0"],
    ["limit", "limit=201"],
    ["limit", "limit=ten"],
    ["limit", "limit=1.5"],
    ["limit", "limit=5&limit=6"],
    ["cursor", "cursor=nonsense"],
    ["cursor", `cursor=${"x".repeat(600)}`],
  ];
  for (const path of ["/v1/conversations", "/v1/conversations/calm/turns"]) {
    for (const [param, query] of wrong) {
      const { status, body } = await ask(gateway, "GET", `${path}?${query}`);
      assert.equal(status, 400, `${path}?${query}`);
      assert.equal(body.error.param, param);
    }
  }
});

test("the turns of a conversation are its receipts, oldest first, whatever the page", async (t) => {
  const { gateway } = await startScene(t);
  const requestIds: (string | null)[] = [];
  for (let turn = 0; turn < 7; turn += 1) {
    const body = agentBody([...opening("Do it."), ...honestRounds(turn)]);
    requestIds.push(
      (await send(gateway, inConversation("long"), body)).headers.get("x-request-id"),
    );
  }
  const pages = await readAll(gateway, "/v1/conversations/long/turns?limit=3");
  assert.deepEqual(
    pages.map(({ length }) => length),
    [3, 3, 1],
  );
  assert.deepEqual(
    pages.flat().map(({ request_id }) => request_id),
    requestIds,
  );
  assert.deepEqual(
    pages.flat().map(({ conversation }) => conversation.turn),
    [1, 2, 3, 4, 5, 6, 7],
  );
  for (const receipt of pages.flat()) {
    assert.deepEqual(await gateway.read(`/v1/receipts/${receipt.request_id}`), receipt);
  }
});

test("a receipt holds what was decided, and nothing that was said", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const secret = "the-launch-code-is-0000";
  const messages = [...opening(secret), ...stuckRounds(1)];
  const response = await send(gateway, inConversation("quiet"), agentBody(messages));
  const receipt = await gateway.read(`/v1/receipts/${response.headers.get("x-request-id")}`);
  assert.equal(receipt.routing.strategy, "quality_optimized");
  assert.deepEqual(receipt.execution.tokens, {
    prompt: 10,
    completion: 5,
    total: 15,
    cached: 0,
    cache_written: 0,
    reasoning: 0,
    estimated: false,
  });
  const known = [
    JSON.stringify(receipt),
    JSON.stringify(await gateway.read("/v1/conversations/quiet")),
    gateway.logged(),
  ].join();
  for (const said of [secret, "nothing found", "secret-lab-1"]) {
    assert.ok(!known.includes(said), said);
  }
  assert.equal(upstream.requests.length, 1);
});

test("what is not there is not found, in every place", async (t) => {
  const { gateway } = await startScene(t);
  const paths = [
    "/v1/conversations/none",
    "/v1/conversations/none/turns",
    "/v1/receipts/req_none",
    "/v1/none",
  ];
  for (const path of paths) assert.equal((await ask(gateway, "GET", path)).status, 404, path);
  assert.equal((await act(gateway, "none", "close")).status, 404);
  assert.equal((await ask(gateway, "DELETE", "/v1/conversations/none")).status, 404);
});

test("a released pin lets the next turn choose anew", async (t) => {
  const { gateway } = await startScene(t);
  await send(gateway, inConversation("free"));
  const released = await act(gateway, "free", "release-pin");
  assert.equal(released.status, 200);
  assert.deepEqual([released.body.pins[0].state, released.body.pins[0].model], ["unpinned", null]);
  const next = await send(gateway, inConversation("free"));
  assert.equal(next.headers.get("x-router-pin"), "set");
  assert.equal((await send(gateway, inConversation("free"))).headers.get("x-router-pin"), "kept");
});

test("a closed conversation is closed until its next turn, which begins a new generation", async (t) => {
  const { gateway } = await startScene(t);
  await send(gateway, inConversation("done"));
  const closed = await act(gateway, "done", "close");
  assert.deepEqual([closed.body.life, closed.body.state], ["closed", "closed"]);
  assert.equal((await send(gateway, inConversation("done"))).headers.get("x-router-pin"), "kept");
  const reopened = await gateway.read("/v1/conversations/done");
  assert.deepEqual([reopened.life, reopened.generation], ["open", 2]);
});

for (const action of ["reset", "false-positive"]) {
  test(`after ${action} the corrections are gone, and the same call is not corrected at once`, async (t) => {
    const { gateway, upstream } = await startScene(t);
    await loop(gateway, "stuck");
    assert.equal((await gateway.read("/v1/conversations/stuck")).state, "correcting");
    const { body } = await act(gateway, "stuck", action);
    assert.equal(body.state, "steady");
    assert.ok(body.corrections.every(({ retired }: Json) => retired !== null));
    const before = upstream.requests.filter(({ raw }) => raw.includes(MARKER)).length;
    const messages = [...opening("Do it."), ...stuckRounds(5)];
    const next = await send(gateway, inConversation("stuck"), agentBody(messages));
    assert.equal(next.headers.get("x-conversation-state"), "steady");
    assert.equal(upstream.requests.filter(({ raw }) => raw.includes(MARKER)).length, before);
  });
}

test("an unknown action is refused with the list of those there are", async (t) => {
  const { gateway } = await startScene(t);
  await send(gateway, inConversation("calm"));
  for (const body of [{ action: "explode" }, {}, [], { action: ["close"] }]) {
    const { status, body: answer } = await ask(
      gateway,
      "POST",
      "/v1/conversations/calm/actions",
      body,
    );
    assert.equal(status, 400);
    assert.match(answer.error.message, /release-pin, close, reset, false-positive/);
  }
  const broken = await ask(gateway, "POST", "/v1/conversations/calm/actions", "{");
  assert.equal(broken.body.error.code, "invalid_json");
});

test("a deleted conversation is gone with its turns, and its id begins anew", async (t) => {
  const { gateway } = await startScene(t);
  const first = await send(gateway, inConversation("gone"));
  await send(gateway, inConversation("kept"));
  assert.equal((await ask(gateway, "DELETE", "/v1/conversations/gone")).status, 204);
  assert.equal((await ask(gateway, "GET", "/v1/conversations/gone")).status, 404);
  assert.equal((await ask(gateway, "GET", "/v1/conversations/gone/turns")).status, 404);
  const receipt = `/v1/receipts/${first.headers.get("x-request-id")}`;
  assert.equal((await ask(gateway, "GET", receipt)).status, 404);
  const again = await send(gateway, inConversation("gone"));
  assert.deepEqual(
    [again.headers.get("x-router-pin"), again.headers.get("x-conversation-turn")],
    ["set", "1"],
  );
  assert.equal((await gateway.read("/v1/conversations/kept")).turns, 1);
});

test("a conversation that is deleted in the middle of a turn does not break that turn", async (t) => {
  const { gateway, upstream } = await startScene(t);
  await send(gateway, inConversation("gone"));
  const release = Promise.withResolvers<void>();
  const answer = {
    json: {
      id: "x",
      object: "chat.completion",
      choices: [
        { index: 0, message: { role: "assistant", content: "Done." }, finish_reason: "stop" },
      ],
    },
  };
  upstream.respond(async () => {
    await release.promise;
    return answer;
  });
  const running = send(
    gateway,
    inConversation("gone"),
    agentBody([...opening("Do it."), ...honestRounds(1)]),
  );
  while (upstream.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await ask(gateway, "DELETE", "/v1/conversations/gone")).status, 204);
  release.resolve();
  const response = await running;
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("x-conversation-state"), "steady");
});

/** Every kind of answer, with the conversation's headers where there is one. */
test("every answer says what was done, before its first byte", async (t) => {
  const { gateway, upstream } = await startScene(t);
  const always = ["x-request-id", "x-router-reason", "x-llm-gateway", "x-router-profile"];
  const within = [
    "x-conversation-id",
    "x-conversation-identity",
    "x-conversation-turn",
    "x-conversation-state",
    "x-router-pin",
  ];
  const names = (response: Response, wanted: readonly string[]) =>
    wanted.filter((name) => !response.headers.has(name));
  for (const stream of [false, true]) {
    const body = agentBody(opening("Do it."), { stream });
    const inside = await send(gateway, inConversation(`seen-${stream}`), body);
    assert.deepEqual(names(inside, [...always, ...within, "x-router-model"]), []);
    const summary = JSON.parse(inside.headers.get("x-llm-gateway") ?? "");
    const id = inside.headers.get("x-request-id");
    assert.deepEqual(summary, {
      request_id: id,
      routing_decision: "quality_optimized",
      receipt: `/v1/receipts/${id}`,
    });
    const outside = await send(gateway, {}, body);
    assert.deepEqual(names(outside, [...always, "x-router-model"]), []);
    assert.equal(names(outside, within).length, within.length);
  }
  const unknown = await send(
    gateway,
    inConversation("seen"),
    agentBody(opening("Do it."), { model: "nope" }),
  );
  assert.equal(unknown.status, 404);
  assert.deepEqual(names(unknown, [...always, ...within]), []);
  upstream.respond(() => ({ status: 503, json: {} }));
  const failed = await send(gateway, inConversation("seen"));
  assert.equal(failed.status, 503);
  assert.deepEqual(names(failed, [...always, ...within]), []);
  const malformed = await send(gateway, inConversation("seen"), "{");
  assert.ok(malformed.headers.has("x-request-id"));
});
