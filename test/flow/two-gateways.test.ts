// Goal: the acceptance of the pin. Two gateways behind a round robin share a Redis while providers fail, recover, limit
// the rate and change their prices. Method: real processes, scripted providers that write down who asked them what.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test, type TestContext } from "node:test";
import { agentBody, honestRounds, opening } from "../support/agent-turns.ts";
import { inConversation, model, provider, type ConfigTree, type Json } from "../support/gateway.ts";
import {
  sharedRedis,
  startGatewayProcess,
  workFolder,
  type GatewayProcess,
} from "../support/gateway-process.ts";
import {
  startUpstream,
  textAnswer,
  type CapturedRequest,
  type Scripted,
  type Upstream,
} from "../support/upstream.ts";

/** What a provider does to every request until it is told otherwise. */
type Weather = "fine" | "down" | "limited" | "hangs up";

const FINE: Weather = "fine";
const REFUSALS = {
  down: { status: 503, json: { error: { message: "down" } } },
  limited: {
    status: 429,
    headers: { "retry-after": "0" },
    json: { error: { message: "slow down" } },
  },
  "hangs up": { refuse: true },
} as const satisfies Record<Exclude<Weather, "fine">, Scripted>;

interface Place extends Upstream {
  weather: Weather;
  /** Conversation and model of every request that was answered. */
  readonly answered: { readonly conversation: string; readonly model: string }[];
}

async function startPlace(t: TestContext): Promise<Place> {
  const answered: Place["answered"] = [];
  const answer = textAnswer("Done.", { promptTokens: 1_000, completionTokens: 10 });
  const upstream = await startUpstream((request) => {
    if (place.weather !== "fine") return REFUSALS[place.weather];
    answered.push(askedBy(request));
    return answer(request);
  });
  const place: Place = Object.assign(upstream, { weather: FINE, answered });
  t.after(() => upstream.close());
  return place;
}

/** The conversation's name stands in the task, so that the provider can tell who asks. */
function askedBy({ body }: CapturedRequest) {
  const asked: Json = body;
  return { conversation: String(asked.messages[1].content), model: String(asked.model) };
}

interface Scene {
  readonly east: Place;
  readonly west: Place;
  readonly south: Place;
  readonly tree: (otherPrice: number) => ConfigTree;
}

/** `big-1` in the east and the west, and in the south another model that is as good. */
async function startScene(t: TestContext, redisUrl: string): Promise<Scene> {
  const [east, west, south] = await Promise.all([startPlace(t), startPlace(t), startPlace(t)]);
  const price = (input: number) => ({ price: { input, output: input * 5 } });
  const tree = (otherPrice: number): ConfigTree => ({
    store: redisUrl,
    providers: [
      provider("east", east, { models: [model("big", { model: "big-1", ...price(3) })] }),
      provider("west", west, { models: [model("big", { model: "big-1", ...price(3) })] }),
      provider("south", south, {
        models: [model("other", { model: "other-1", ...price(otherPrice) })],
      }),
    ],
  });
  return { east, west, south, tree };
}

interface Run {
  readonly id: string;
  turns: number;
  requests: number;
  readonly refusals: Response[];
  readonly states: Set<string | null>;
}

/** One turn at one gateway. A turn that was refused is sent again by the next call, as an agent does. */
async function takeTurn(run: Run, gateway: GatewayProcess): Promise<void> {
  run.requests += 1;
  const messages = [...opening(run.id), ...honestRounds(run.turns)];
  const response = await gateway.chat(agentBody(messages), inConversation(run.id));
  const text = await response.text();
  run.states.add(response.headers.get("x-conversation-state"));
  if (response.status === 200) run.turns += 1;
  else {
    assert.equal(response.status, 503, text);
    assert.equal(JSON.parse(text).error.code, "pinned_model_unavailable", text);
    assert.match(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    run.refusals.push(response);
  }
}

function startRuns(count: number): Run[] {
  const name = () => ({ id: `task-${randomUUID()}`, turns: 0, requests: 0 });
  return Array.from({ length: count }, () => ({ ...name(), refusals: [], states: new Set() }));
}

/** Every receipt of a run agrees with the one before it on where the conversation was served. */
function checkReceipts(receipts: readonly Json[], run: Run): void {
  assert.equal(receipts.length, run.requests, `${run.id}: a receipt for every request`);
  let home: string | null = null;
  let last: string | null = null;
  for (const { pin, routing, outcome, fallback } of receipts) {
    assert.equal(fallback.used, fallback.attempts.length > 1);
    if (outcome !== "completed") continue;
    assert.equal(pin.to, routing.winner);
    assert.equal(fallback.attempts.at(-1).deployment, routing.winner);
    const stays: boolean = home !== null && routing.winner === last;
    const hop: string = routing.winner === home ? "returned" : "moved";
    assert.equal(pin.event, home === null ? "set" : stays ? "kept" : hop);
    if (home !== null) assert.equal(pin.from, last);
    // The first turn's hop to another deployment of the same model moves the pin away from its home.
    home ??= receipts[0].routing.planned[0].deployment;
    last = routing.winner;
  }
}

test("over two gateways no conversation ever sees a second model", async (t) => {
  const redis = await sharedRedis(t);
  if (redis === null) return;
  const { east, west, south, tree } = await startScene(t, redis.url);
  const [first, second] = await Promise.all([
    startGatewayProcess(t, workFolder(t), tree(9)),
    startGatewayProcess(t, workFolder(t), tree(9)),
  ]);
  const gateways = [first, second];
  let turn = 0;
  const runs = startRuns(12);
  const late = startRuns(8);
  const round = async (active: readonly Run[]): Promise<void> => {
    turn += 1;
    // Half of the conversations at each gateway, the other way round next time.
    const sent = active.map((run, index) => takeTurn(run, gateways[(index + turn) % 2] ?? first));
    await Promise.all(sent);
  };
  const weather = (inEast: Weather, inWest: Weather, inSouth: Weather): void => {
    east.weather = inEast;
    west.weather = inWest;
    south.weather = inSouth;
  };

  weather("limited", "fine", "fine");
  await round(runs);
  weather("fine", "fine", "fine");
  await round(runs);
  weather("down", "fine", "fine");
  await round(runs);
  weather("fine", "limited", "fine");
  await round(runs);
  weather("down", "hangs up", "fine");
  await round(runs);
  assert.ok(
    runs.every(({ refusals }) => refusals.length === 1),
    "the other model is no way out",
  );
  // The other model is now by far the cheaper one, and only one gateway knows.
  await second.stop();
  gateways[1] = await startGatewayProcess(t, workFolder(t), tree(0.1));
  weather("fine", "down", "fine");
  await round(runs);
  weather("fine", "fine", "fine");
  await Promise.all(late.map((run) => takeTurn(run, gateways[1] ?? first)));
  for (let times = 0; times < 3; times += 1) await round([...runs, ...late]);
  weather("fine", "fine", "down");
  await round([...runs, ...late]);
  assert.ok(
    late.every(({ refusals }) => refusals.length === 1),
    "nor is the first one for the late",
  );
  weather("hangs up", "fine", "fine");
  for (let times = 0; times < 2; times += 1) await round([...runs, ...late]);

  const all = [...runs, ...late];
  assert.ok(all.reduce((sum, { requests }) => sum + requests, 0) >= 200);
  const answered = [east, west, south].flatMap((place) => place.answered);
  let attempts = 0;
  for (const run of all) {
    const models = new Set(
      answered.filter(({ conversation }) => conversation === run.id).map((known) => known.model),
    );
    assert.deepEqual([...models], [late.includes(run) ? "other-1" : "big-1"]);
    assert.deepEqual([...run.states], ["steady"], "every turn was in the books");
    const { data } = await first.read(`/v1/conversations/${run.id}/turns?limit=200`);
    checkReceipts(data, run);
    attempts += data.flatMap((receipt: Json) => receipt.fallback.attempts).length;
    const known = await (gateways[1] ?? first).read(`/v1/conversations/${run.id}`);
    assert.equal(known.turns, run.turns);
  }
  const asked = [east, west, south].flatMap(({ requests }) => requests);
  assert.equal(attempts, asked.length, "every request to a provider stands in a receipt");
});

test("two first turns at once, at gateways that would choose differently, get one pin", async (t) => {
  const redis = await sharedRedis(t);
  if (redis === null) return;
  const { tree } = await startScene(t, redis.url);
  const [dear, cheap] = await Promise.all([
    startGatewayProcess(t, workFolder(t), tree(9)),
    startGatewayProcess(t, workFolder(t), tree(0.1)),
  ]);
  const chosen = new Set<string | null>();
  for (const { id } of startRuns(25)) {
    const sent = [dear, cheap].map(async (gateway, index) => {
      const body = agentBody([...opening(id), { role: "user", content: `Part ${index}.` }]);
      const response = await gateway.chat(body, inConversation(id));
      assert.equal(response.status, 200, await response.text());
      return response.headers.get("x-router-model");
    });
    const models = (await Promise.all(sent)).map((name) => name?.split("/")[1] ?? null);
    assert.equal(models[0], models[1], "both are answered by the pin that won");
    chosen.add(models[0] ?? null);
    const { pins } = await dear.read(`/v1/conversations/${id}`);
    assert.deepEqual(
      pins.map(({ model: pinned }: Json) => pinned),
      [`${models[0]}-1`],
    );
  }
  const apart = await Promise.all(
    [dear, cheap].map((gateway) =>
      gateway.chat(agentBody(opening("Alone.")), inConversation(randomUUID())),
    ),
  );
  const preferred = apart.map(({ headers }) => headers.get("x-router-model")?.split("/")[1]);
  assert.deepEqual(preferred, ["big", "other"], "each would choose another one");
});
