// What messy runs look like: other wording, other labels, random keys, and what looks alike and is none.
// Must never call a pattern directly: each promise holds for the whole way from messages to verdict.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { act, play, repeat, says, type Act, type Scene } from "./divergence-scene.ts";

const last = (scene: Scene): string => {
  const verdict = play(["Please see to it.", ...scene]).at(-1);
  return verdict?.pattern === null ? "clear" : `${verdict?.severity} ${verdict?.pattern}`;
};
const firesAt = (scene: Scene): number =>
  1 + play(["Please see to it.", ...scene]).findIndex(({ severity }) => severity === "firing");
const uuid = (index: number): string =>
  `9196182c-a504-5118-6c4b-${String(index).padStart(12, "a")}`;

describe("a change that changes nothing", () => {
  const set = (unchanged: boolean): readonly Act[] =>
    act("climate_set", { room: "living", target: 21 }, JSON.stringify({ ok: true, unchanged }));
  const look = (second: number): readonly Act[] =>
    act("climate_read", { room: "living" }, `{"current":18.9,"at":"20:14:0${second}"}`);
  const scene = (count: number): Scene => [
    set(false),
    ...repeat(count - 1, (index) => [look(index), set(true)]).flat(),
  ];

  test("is reported when it is made the fourth time, whatever was looked up in between", () => {
    assert.notEqual(last(scene(3)).split(" ")[0], "firing");
    assert.equal(last(scene(4)), "firing same-call-same-result");
  });

  test("is no loop when a person asks for it each time", () => {
    const asked = repeat(6, (index) => [`set it to 21 again, take ${index}`, set(true)]).flat();
    assert.equal(last(asked), "clear");
  });
});

describe("a key of the request's own under another name", () => {
  const call = (key: string, index: number): readonly Act[] =>
    act(
      "maison.regler",
      { appareil: "lampe", etat: "on", [key]: uuid(index) },
      '{"ok":false,"erreur":"DEVICE_UNREACHABLE"}',
    );

  test("does not tell calls apart", () => {
    assert.equal(firesAt(repeat(5, (index) => call("requete", index))), 3);
    assert.equal(firesAt(repeat(5, (index) => call("clé", index))), 3);
  });

  test("does tell them apart where it names the thing", () => {
    const failing = repeat(3, (index) => call("device", index));
    assert.doesNotMatch(last(failing), /same-call-same-error/);
  });
});

describe("a thing that is made once more under the next name", () => {
  const make = (name: string): readonly Act[] =>
    act("create_export", { dataset: "customers", filter: "since 2025-01-01", name }, "queued");

  test("is reported when it is made the fourth time", () => {
    const scene = repeat(4, (index) => make(`churned-v${index + 1}`));
    assert.notEqual(last(scene.slice(1)).split(" ")[0], "firing");
    assert.equal(last(scene), "firing repeated-side-effect");
  });

  test("is no loop when the names are names of things", () => {
    const names = ["churned", "renewed", "trials", "partners", "resellers", "students"];
    assert.notEqual(last(names.map(make)).split(" ")[0], "firing");
  });
});

describe("hand-offs", () => {
  const laps = (count: number): Scene =>
    repeat(count, (index) => [
      act("transfer_to_billing", { why: `reason ${index} of sales` }, "Transferred to billing."),
      act("transfer_to_sales", { why: `cause ${index} of billing` }, "Transferred to sales."),
    ]).flat();

  test("to and fro are reported in the fourth lap, whatever words go with them", () => {
    assert.notEqual(last(laps(3)).split(" ")[0], "firing");
    assert.equal(last(laps(4)), "firing cycle");
  });

  test("are none when work is done in between, or a person speaks", () => {
    const read = act("get_invoice", { id: 5 }, "an invoice of 40 euros");
    assert.equal(last([...laps(3), read, ...laps(1)]), "clear");
    assert.equal(last([...laps(3), "now I want to upgrade", ...laps(1)]), "clear");
  });
});

describe("asking for patience", () => {
  const promises = [
    "I'm looking into your parcel JX4419 right now. One moment please.",
    "Thank you for your patience. I'm checking the status of JX4419 for you now.",
    "I appreciate your patience! I'm currently looking up your parcel JX4419.",
    "Yes, I'm here! I'm checking on parcel JX4419 at this very moment.",
    "I'm so sorry for the wait. Let me look up your parcel JX4419, one moment.",
    "Thank you for waiting! I am now checking where parcel JX4419 is.",
  ];
  const put = (count: number): Scene =>
    promises.slice(0, count).flatMap((text, index) => [says(text), `sure, but why ${index}`]);

  test("again and again without a deed is reported", () => {
    assert.equal(last(put(3)), "clear");
    assert.match(last(put(6)), /^firing /);
  });

  test("is none when something is looked up in between", () => {
    const scene = promises.flatMap((text, index) => [
      act("track", { parcel: `JX44${index}` }, `it is at depot ${index}`),
      says(text),
      `and parcel JX44${index + 1}`,
    ]);
    assert.equal(last(scene), "clear");
  });
});

describe("what a call and its error are compared by", () => {
  test("frames of a stack do not tell errors apart", () => {
    const fail = (line: number): readonly Act[] =>
      act("bash", { command: "pnpm dev" }, `Error: EADDRINUSE\n    at node:net:20${line}:8`);
    const scene = repeat(4, (index) => [
      fail(index),
      act("bash", { command: "lsof -t -i :3000" }, `41${index}0`),
    ]).flat();
    assert.match(last([...scene, fail(8)]), /^firing /);
  });

  test("an order number is one number, however it is spelled", () => {
    const ask = (order: string): readonly Act[] =>
      act("lookup_order", { order }, `{"error":"ORDER_NOT_FOUND","message":"No order ${order}"}`);
    const spelled = ["0093-117", "#0093-117", "ORD-0093-117", "93-117", "ord 93117", "0093117"];
    assert.match(last(spelled.map(ask)), /^firing /);
    const others = ["0093-117", "0093-221", "0094-305", "0095-412", "0095-518", "0096-633"];
    assert.notEqual(last(others.map(ask)).split(" ")[0], "firing");
  });

  test("an action of another house's labels is a call", () => {
    const turn = (input: string): Scene => [
      says(`思考：再试。\n行动：计算器\n行动输入：${input}`),
      "观察：错误：表达式无效。",
    ];
    const scene = ["3%*2", "3% * 2", "(3%*2)", "3%×2", "3% ×2"].flatMap(turn);
    assert.match(last(scene), /^firing /);
  });
});

describe("what looks alike and is none", () => {
  const silent = (scene: Scene): void =>
    assert.deepEqual(
      play(["Please see to it.", ...scene]).filter(({ severity }) => severity === "firing"),
      [],
    );

  test("are tasks of one project with titles of their own", () => {
    const titles = [
      "Draw the login page",
      "Choose a payment provider",
      "Write the privacy notice",
      "Order the office chairs",
      "Invite three testers",
      "Measure cold starts",
      "Translate the help texts",
      "Rotate the signing keys",
    ];
    const make = (title: string, index: number): readonly Act[] =>
      act("create_task", { project: "P-120", assignee: "mia", title }, `created T-${index + 40}`);
    silent(titles.map(make));
  });

  test("is an installation that finds all in place between edits", () => {
    const scene = repeat(8, (index) => [
      act("edit", { path: `src/part${index}.ts`, text: `const part${index} = 1;` }, "edited"),
      act("bash", { command: "npm install" }, "up to date, all is already up to date"),
    ]).flat();
    silent(scene);
  });

  test("are records told apart by a random id", () => {
    const close = (index: number): readonly Act[] =>
      act("update_record", { id: uuid(index), status: "closed", by: "mia" }, "ok");
    silent(repeat(8, close));
  });

  test("is a plan that grows item by item", () => {
    const grown = (count: number): readonly Act[] =>
      act(
        "todo_write",
        { todos: repeat(count, (at) => ({ content: `item ${at}`, status: "pending" })) },
        "saved",
      );
    silent(repeat(8, (index) => grown(index + 1)));
  });
});
