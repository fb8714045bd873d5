import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSurvey, isSweep } from "../../src/conversation/divergence/near.ts";
import { likeness, sketchOf } from "../../src/conversation/divergence/sketch.ts";
import type { Step } from "../../src/conversation/evidence.ts";
import { gatherSteps } from "../../src/conversation/gather-steps.ts";
import {
  act,
  messagesOf,
  play,
  repeat,
  says,
  SETTINGS,
  transcriptOf,
  type Act,
  type Scene,
} from "./divergence-scene.ts";

const known = (count: number): Scene => repeat(count, (index) => act(`tool${index}`, {}, "x"));
const ALONE = { ...SETTINGS, cycleLaps: 99, noProgressCalls: 99, sameResultCount: 99 };
const last = (scene: Scene, settings = ALONE): string => {
  const verdict = play(scene, settings).at(-1);
  return verdict?.pattern === null ? "clear" : `${verdict?.severity} ${verdict?.pattern}`;
};
const fires = (scene: Scene): number =>
  1 + play(scene).findIndex((verdict) => verdict.severity === "firing");

/** Both sides of a gap of eight other steps. */
function assertGap(once: readonly Act[], firing: string): void {
  const scene = (between: number): Scene => [
    ...known(between),
    ...repeat(2, () => [once, ...known(between)]).flat(),
    once,
  ];
  assert.equal(last(scene(8)), firing);
  assert.notEqual(last(scene(9)), firing);
}

describe("what lies between two repeats", () => {
  test("of a side effect are at most eight other steps", () => {
    assertGap(act("send_mail", { to: "a" }, "sent"), "firing repeated-side-effect");
  });

  test("of a malformed call are at most eight other steps", () => {
    assertGap(act("nope", {}, "Unknown tool: nope"), "firing same-call-same-error");
    const scene = (between: number): Scene => [
      ...known(between),
      ...repeat(3, (index) => [act(`no${index}`, {}, "Unknown tool"), ...known(between)]).flat(),
    ];
    assert.equal(last(scene(8).slice(0, -8)), "firing malformed-calls");
    assert.equal(last(scene(9).slice(0, -9)), "clear");
  });

  test("may be no new wish for a side effect, a malformed call or a storm of retries", () => {
    const wish = ["now the one for Ann", "and for Bob", "then for Eve", "Zoe", "Ida", "Kim"];
    const asked = (once: (index: number) => readonly Act[]): Scene =>
      repeat(6, (index) => [wish[index] ?? "", once(index)]).flat();
    assert.equal(last(asked(() => act("send_mail", { to: "a" }, "sent"))), "clear");
    assert.equal(last(asked((index) => act(`no${index}`, {}, "Unknown tool"))), "clear");
    const down = (index: number): readonly Act[] =>
      act("fetch", {}, ["503 Service Unavailable", "Error: timed out"][index % 2] ?? "");
    assert.equal(last(asked(down)), "clear");
    assert.equal(last(repeat(6, down)), "firing retry-storm");
    assert.equal(last(repeat(5, down)), "suspected retry-storm");
  });

  test("may be no request for another message", () => {
    const send = act("send_mail", { to: "a" }, "sent");
    assert.equal(last([send, send, "once more", send]), "clear");
    assert.equal(last([send, send, "continue", send]), "firing repeated-side-effect");
  });

  test("a success between them ends a storm of retries", () => {
    const down = (index: number): readonly Act[] =>
      act("fetch", {}, ["503 Service Unavailable", "Error: timed out"][index % 2] ?? "");
    const scene = [...repeat(3, down), act("fetch", {}, "a page"), ...repeat(3, down)];
    assert.equal(last(scene), "clear");
  });
});

describe("one failure for many arguments", () => {
  const wrong = (n: number, text = "Error: invalid amount"): readonly Act[] =>
    act("quote_price", { n, amount: n * n, note: "the same" }, text);
  const near = (count: number): Scene => repeat(count, (index) => wrong(index * index));

  test("is counted over at most eight other steps", () => {
    const scene = (between: number): Scene => [
      ...known(between),
      ...repeat(4, (index) => [wrong(index * index), ...known(between)]).flat(),
    ];
    assert.equal(last(scene(8).slice(0, -8)), "firing same-error-varied-calls");
    assert.equal(last(scene(9).slice(0, -9)), "clear");
  });

  test("ends where the tool works or fails in another way", () => {
    assert.equal(last(near(4)), "firing same-error-varied-calls");
    assert.equal(last([...near(3), wrong(50, "a price of 5"), wrong(60)]), "clear");
    assert.equal(last([...near(3), wrong(50, "Error: no such note"), wrong(60)]), "clear");
  });

  test("takes one more when a person spoke, and starts again at a timer's tick", () => {
    assert.equal(
      last([...near(3), "take another amount", wrong(70)]),
      "suspected same-error-varied-calls",
    );
    assert.equal(
      last([...near(3), "take another amount", wrong(70), wrong(90)]),
      "firing same-error-varied-calls",
    );
    assert.equal(last([...near(3), "try again", wrong(70)]), "suspected same-error-varied-calls");
    assert.equal(last([...near(3), "[heartbeat] look again", wrong(70), wrong(90)]), "clear");
  });

  test("for arguments that really differ takes six", () => {
    const pairs = ["red cat", "cat blue", "blue dog", "dog red", "red cow", "cow blue", "blue cat"];
    const scene = (count: number): Scene =>
      pairs.slice(0, count).map((q) => act("look", { q }, "Error: the page was not found"));
    assert.equal(last(scene(4)), "clear");
    assert.equal(last(scene(5)), "suspected same-error-varied-calls");
    assert.equal(last(scene(6)), "firing same-error-varied-calls");
  });
});

describe("one answer for many questions", () => {
  const orders = ["a b c", "b c a d", "c a b e", "a c b d e", "b a c e", "c b a"];
  const text = "The handbook says nothing about it, as far as can be told from its index.";
  const ask = (index: number, result = text): readonly Act[] =>
    act("ask_handbook", { q: orders[index % 6] }, result);
  const asks = (count: number): Scene => repeat(count, (index) => ask(index));

  test("takes five, and four where nothing was found at all", () => {
    assert.equal(last(asks(4)), "suspected same-result-near-calls");
    assert.equal(last(asks(5)), "firing same-result-near-calls");
    const words = ["a b c d", "b c d a", "c d a b", "d a b c"];
    const empty = words.map((q) => act("ask_handbook", { q }, "[]"));
    assert.equal(last(empty), "firing same-result-near-calls");
  });

  test("is counted over other steps among the newest twenty calls, and up to a new wish", () => {
    const scene = (between: number): Scene => [
      ...known(between),
      ...repeat(5, (index) => [ask(index), ...known(between)]).flat(),
    ];
    assert.equal(last(scene(3).slice(0, -3)), "firing same-result-near-calls");
    assert.equal(last(scene(9).slice(0, -9)), "clear");
    assert.equal(last([...asks(3), "ask about leave, too", ask(3), ask(4)]), "clear");
  });

  test("ends where the search moves, and is none right after news", () => {
    assert.equal(last([...asks(4), ask(5, "page 7"), ask(4)]), "clear");
    assert.equal(last([...asks(4), act("read", {}, "something new"), ask(4)]), "clear");
    const early = [ask(0), act("read", {}, "something new"), ...asks(5).slice(1)];
    assert.equal(last(early), "suspected same-result-near-calls");
  });

  test("is another one for questions that have little in common", () => {
    const other = ["x1 y1", "x2 y2 y1", "x3 y2", "x4 y3 y2", "x5 y3"];
    assert.equal(last(other.map((q) => act("ask_handbook", { q }, text))), "clear");
  });
});

describe("plans", () => {
  const plan = (statuses: string, result = "ok"): readonly Act[] =>
    act("todo_write", { todos: statuses.split(" ").map((status) => ({ status })) }, result);

  test("that change, fail to be written, or follow work are no churn", () => {
    const same = repeat(4, () => plan("open open"));
    assert.equal(last([...same, plan("open open")]), "firing plan-churn");
    assert.equal(last([...same, plan("done open"), plan("open done")]), "clear");
    assert.equal(last(repeat(9, () => plan("open open", "Error: locked"))), "clear");
    assert.equal(last([...same, act("read", {}, "news"), plan("open open")]), "clear");
    assert.equal(last([...same, "another plan, please", plan("open open")]), "clear");
  });

  test("that fall back to the same place twice are reported, to two places are not", () => {
    const back = (to: string): Scene => [plan("done done open"), plan(to)];
    assert.equal(last([...back("done open open")]), "clear");
    assert.equal(
      last([...back("done open open"), ...back("done open open")]),
      "firing plan-set-back",
    );
    assert.equal(last([...back("open open open"), ...back("done open open")]), "clear");
    const wish = [...back("done open open"), "the second is not done", ...back("done open open")];
    assert.equal(last(wish), "clear");
    assert.equal(last([plan("done open"), plan("done done"), plan("done done open")]), "clear");
  });
});

describe("announcements", () => {
  const announce = (index: number): string =>
    [
      "I will load the sales table and group it by region for you.",
      "Let me now write the report that the board has asked for.",
      "Next, I check the mail server and its certificate chain.",
      "I am going to translate the French appendix into English.",
      "I need to compare both vendors before the meeting starts.",
    ][index] ?? "";
  const scene = (count: number, push: string | null): Scene =>
    repeat(count, (index): Scene => [
      says(announce(index)),
      ...(push === null ? [] : [push]),
    ]).flat();

  test("of five different things without a deed are reported, of four are not", () => {
    assert.equal(last(scene(4, "continue")), "suspected announced-only");
    assert.equal(last(scene(5, "continue")), "firing announced-only");
  });

  test("are none when a person speaks, or a tool is called in between", () => {
    const spoken = scene(2, "continue");
    assert.equal(last([...spoken, "the blue one", ...scene(5, "continue").slice(4)]), "clear");
    const worked = scene(5, "continue").flatMap((part, index) =>
      index % 2 === 0 ? [act("read", {}, "x"), part] : [part],
    );
    assert.equal(last(worked), "clear");
  });
});

describe("watching and asking", () => {
  test("a task to watch gives reads twice the patience, and changes none", () => {
    const task = "Monitor the shop and tell me when it opens.";
    const look = act("look_at_shop", {}, "the shop is closed at this time of day");
    assert.equal(fires([task, ...repeat(12, () => look)]), 8);
    const write = act("write_status", { text: "closed" }, "the status has been written to the log");
    assert.equal(fires([task, ...repeat(12, () => write)]), 4);
    const poll = act("shop_status", {}, '{"status":"pending"}');
    assert.equal(fires([task, ...repeat(14, () => poll)]), 12);
  });

  test("a run that was asked for n times is reported at n + 2", () => {
    const run = act("run_case", {}, "the case has passed without any trouble");
    assert.equal(fires(["Run the case 6 times.", ...repeat(10, () => run)]), 8);
    assert.equal(fires(["Run the case.", ...repeat(10, () => run)]), 4);
  });
});

describe("cycles", () => {
  const lap = (index: number): Scene => [act("a", {}, "a"), act("b", {}, `b${index}`)];

  test("are counted only where the anchor and all that is common come back", () => {
    assert.equal(last(repeat(6, lap).flat(), { ...SETTINGS, sameResultCount: 99 }), "clear");
  });

  test("with more than twelve other rounds in a lap are none", () => {
    const wide = (between: number): Scene =>
      repeat(3, () => [
        act("a", {}, "a"),
        ...repeat(between, () => act("c", {}, "x")),
        act("b", {}, "b"),
      ]).flat();
    const settings = { ...SETTINGS, sameResultCount: 99, noProgressCalls: 999 };
    assert.equal(last(wide(11), settings), "firing cycle");
    assert.equal(last(wide(12), settings), "clear");
  });

  test("with a failure that stays weigh more, but not when something else was changed", () => {
    const stays = (beside: (index: number) => readonly Act[]): number =>
      play(
        repeat(8, (index) => [
          act("get_form", {}, "the form"),
          beside(index),
          act("submit_form", { n: index }, "Error: invalid form"),
        ]).flat(),
        { ...SETTINGS, nearErrorCount: 99, variedErrorCount: 99, sameErrorCount: 99 },
      ).findIndex((verdict) => verdict.severity === "firing");
    assert.equal(
      stays((index) => act("get_help", { index }, `help ${index}`)),
      11,
    );
    const changes = ["red", "blue", "green", "grey", "white", "black", "pink", "brown"];
    assert.equal(
      stays((index) => act("write_file", { path: changes[index], text: changes[index] }, "ok")),
      -1,
    );
  });
});

describe("likeness", () => {
  test("is that of the sets, whatever their order", () => {
    const sketch = (words: string): string => sketchOf(words.split(" "), 16);
    assert.equal(likeness(sketch("a b c"), sketch("c b a"), 16), 1);
    assert.equal(likeness(sketch("a b c"), sketch("a b d"), 16), 0.5);
    assert.equal(likeness(sketch("a"), sketch("b"), 16), 0);
    assert.equal(likeness("", "", 16), 0);
    assert.equal(likeness(sketch("a"), "", 16), 0);
  });

  const stepsOf = (values: readonly unknown[]): readonly Step[] =>
    gatherSteps(transcriptOf(messagesOf(values.map((value) => act("read", value, "x")))), {
      from: 0,
      turn: 1,
    });

  test("a survey asks each target once; a call that comes back ends it", () => {
    const hosts = ["alpha", "beta", "gamma"].map((host) => ({ host, port: 22 }));
    assert.ok(isSurvey(stepsOf(hosts)));
    assert.ok(!isSurvey(stepsOf(hosts.slice(0, 2))));
    assert.ok(!isSurvey(stepsOf([...hosts, { host: "alpha", port: 22 }])));
    assert.ok(!isSurvey(stepsOf([{ q: "a b" }, { q: "b a" }, { q: "a b a" }])));
  });

  test("a sweep goes on in equal strides of one number", () => {
    const pages = (numbers: readonly number[]): readonly Step[] =>
      stepsOf(numbers.map((page) => ({ page, q: "a" })));
    assert.ok(isSweep(pages([1, 2, 3])));
    assert.ok(isSweep(pages([300, 200, 100])));
    assert.ok(!isSweep(pages([1, 2])));
    assert.ok(!isSweep(pages([1, 2, 4])));
    assert.ok(!isSweep(pages([5, 5, 5])));
    assert.ok(!isSweep(stepsOf([{ a: 1 }, { b: 2 }, { c: 3 }])));
  });
});
