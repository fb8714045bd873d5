import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { act, play, repeat, says, SETTINGS, type Scene } from "./divergence-scene.ts";

const ALONE = { ...SETTINGS, cycleLaps: 99, noProgressCalls: 99 };
const last = (scene: Scene): string => {
  const verdict = play(scene, ALONE).at(-1);
  return verdict?.pattern === null ? "clear" : `${verdict?.severity} ${verdict?.pattern}`;
};
const flat = (times: number, make: (index: number) => Scene): Scene => repeat(times, make).flat();

describe("patience", () => {
  const waited = (times: number): Scene =>
    flat(times, () => [
      act("attendre", { secondes: 30 }, "ok"),
      act("lire", { id: 1 }, '{"a":"x"}'),
    ]);

  test("lasts for fifteen equal answers with a wait before each, and ends with the next ones", () => {
    assert.notEqual(last(waited(15)), "firing same-call-same-result");
    assert.equal(last(waited(17)), "firing same-call-same-result");
  });

  test("is not for a failure that stays", () => {
    const failing = flat(6, (index) => [
      act("sleep", { seconds: 30 }, "ok"),
      act("kubectl", { args: "get pods" }, `api-1 0/1 ImagePullBackOff ${index}m2s`),
    ]);
    assert.equal(last(failing), "firing same-call-same-error");
  });
});

describe("the same change in other words", () => {
  const titles = ["Leak in hall 3", "Hall 3: leak", "A leak in hall 3", "Hall 3 has a leak"];
  const opened = (count: number): Scene =>
    titles
      .slice(0, count)
      .map((summary, index) => act("ticket_create", { site: "hall-3", summary }, `t-${index}`));

  test("is reported the fourth time", () => {
    assert.equal(last(["report it", ...opened(4)]), "firing repeated-side-effect");
    assert.equal(last(["report it", ...opened(3)]), "suspected repeated-side-effect");
  });

  test("is no repeat where a date, a number or an address differs", () => {
    const days = repeat(6, (day) =>
      act("event_create", { title: "Team weekly", date: `2026-05-0${day + 1}` }, "created"),
    );
    assert.equal(last(["book it", ...days]), "clear");
  });
});

describe("an error", () => {
  const guess = (name: string): Scene => [
    act("query", { sql: `select ${name} from t` }, `Unknown column ${name} in field list`),
  ];

  test("that names the word that was changed is the same error the fourth time", () => {
    const names = ["owner", "holder", "keeper", "person"];
    assert.equal(last(["who?", ...names.flatMap(guess)]), "firing same-error-varied-calls");
    const three = last(["who?", ...names.slice(0, 3).flatMap(guess)]);
    assert.equal(three, "suspected same-error-varied-calls");
  });

  test("of a target that is named in it is a finding, however often", () => {
    const cancel = (id: string): Scene => [
      act("order_cancel", { id }, `Error: order ${id} has been shipped already`),
    ];
    const ids = repeat(12, (index) => `O-${100 + 7 * index}`);
    assert.equal(last(["cancel them", ...ids.flatMap(cancel)]), "clear");
  });

  test("that a program says after its own name is one in any language", () => {
    const call = act("bash", { command: "wc -l x.csv" }, "wc: x.csv: Datei nicht da");
    assert.equal(last(["count", call, call, call]), "firing same-call-same-error");
    const read = act("bash", { command: "cat words.txt" }, "phase: building");
    assert.notEqual(last(["count", read, read, read]), "firing same-call-same-error");
  });
});

describe("answers that a client cannot read", () => {
  const refused = (times: number): Scene =>
    flat(times, (index) => [
      says(`It opens at nine, I am sure of that (${index}).`),
      "Invalid Format: Missing 'Action:' after 'Thought:'",
    ]);

  test("are malformed calls: the third is reported", () => {
    assert.equal(last(["when?", ...refused(3)]), "firing malformed-calls");
    assert.equal(last(["when?", ...refused(2)]), "suspected malformed-calls");
  });
});

describe("how often something was asked for", () => {
  const run = act("bash", { command: "make probe" }, "ok: 1 passed");
  for (const [words, times] of [
    ["Run it fifteen times.", 15],
    ["Führe es zwölfmal aus.", 12],
    ["Lance-le dix fois.", 10],
    ["Hazlo doce veces.", 12],
    ["请运行十五次", 15],
    ["20回実行してください", 20],
  ] as const) {
    test(`is understood: ${words}`, () => {
      assert.equal(last([words, ...repeat(times, () => run)]), "clear");
      const more = last([words, ...repeat(times + 2, () => run)]);
      assert.equal(more, "firing same-call-same-result");
    });
  }
});

describe("pages that hold the same records", () => {
  const rows = JSON.stringify(repeat(5, (id) => ({ id, name: `article ${id}`, stock: 3 * id })));
  const pages = (count: number): Scene =>
    repeat(count, (page) => act("articles_list", { page }, rows));

  test("are reported the fifth time", () => {
    assert.equal(last(["sum", ...pages(5)]), "firing same-result-near-calls");
    assert.equal(last(["sum", ...pages(4)]), "suspected same-result-near-calls");
  });
});

test("pointing at the same element is the same call, whatever handle the page gives it", () => {
  const point = (ref: string): Scene => [
    act("browser_hover", { element: "Book", ref }, '{"clicked": true, "page": "unchanged"}'),
  ];
  const pointed = ["e3", "e18", "e44", "e61"].flatMap(point);
  assert.equal(last(["book it", ...pointed]), "firing same-call-same-result");
  assert.equal(last(["book it", ...pointed.slice(1)]), "suspected same-call-same-result");
});
