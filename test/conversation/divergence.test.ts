import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  act,
  play,
  repeat,
  SETTINGS,
  severities,
  type Act,
  type Scene,
} from "./divergence-scene.ts";

const last = (scene: Scene): string | undefined => severities(scene).at(-1);

function assertSilent(scene: Scene): void {
  assert.deepEqual(new Set(severities(scene)), new Set(["clear"]));
}

describe("same call, same result", () => {
  const search = act("search", { q: "x" }, "[]");

  test("fires at the fourth equal answer and is suspected one before", () => {
    const verdicts = play(["go", ...repeat(4, () => search)]);
    assert.deepEqual(
      verdicts.map((verdict) => verdict.severity),
      ["clear", "clear", "suspected", "firing"],
    );
    const firing = verdicts.at(-1);
    assert.equal(firing?.pattern, "same-call-same-result");
    assert.equal(firing?.count, 4);
    assert.deepEqual(firing?.tools, ["search"]);
    assert.deepEqual(firing?.sample, { arguments: '{"q":"x"}', result: "[]" });
    assert.equal(firing?.progress, false);
    assert.equal(firing?.key, verdicts.at(-2)?.key);
  });

  test("is not hidden by key order, spacing, clock times or calls that bring nothing new", () => {
    const spellings = ['{"a":1,"b":2}', '{"b":2,"a":1}', '{ "a": 1, "b": 2 }', '{"a":1,"b":2}\n'];
    const hidden = spellings.map((args, index) =>
      act("get", args, `none at 2026-01-02T03:04:0${index}Z`),
    );
    assert.equal(last(hidden), "firing");
    const known = repeat(3, () => [act("ls", {}, "a"), search]).flat();
    assert.equal(last([...known, search]), "firing");
  });

  test("arguments that are no JSON are followed as well", () => {
    assert.equal(last(repeat(4, () => act("run", '{"cmd": "ls', "nothing"))), "firing");
  });

  test("polling with changing answers is silent", () => {
    assertSilent(repeat(30, (index) => act("job_status", { id: 1 }, `running, ${index} % done`)));
  });

  test("polling with equal answers has twice the patience", () => {
    const poll = act("job_status", { id: 1 }, '{"status":"pending"}');
    assertSilent(repeat(6, () => poll));
    assert.deepEqual(severities(repeat(8, () => poll)).slice(6), ["suspected", "firing"]);
  });

  test("a changed answer starts the count again", () => {
    const changed = act("search", { q: "x" }, "[1]");
    assertSilent([search, search, changed, search, search]);
  });

  test("paging is silent", () => {
    assertSilent(repeat(30, (page) => act("list", { page }, page > 20 ? "[]" : `[${page}]`)));
  });

  test("reading the same file again between edits is silent", () => {
    const scene = repeat(15, (index) => [
      act("read", { path: "plan.md" }, "the plan"),
      act("edit", { line: index }, "ok"),
    ]);
    assertSilent(scene.flat());
  });

  test("asking for the state again beside new work in parallel is silent", () => {
    const status: Act = { tool: "git_status", arguments: {}, result: "clean" };
    assertSilent(
      repeat(15, (index) => [status, { tool: "read", arguments: { index }, result: `${index}` }]),
    );
  });

  test("work between two repeats counts half, and no longer once they go on without it", () => {
    const work = (line: number): readonly Act[] => act("edit", { line }, "ok");
    const mixed = [search, work(1), search, work(2), search, search];
    assert.equal(last(mixed), "suspected");
    assert.equal(last([...mixed, search]), "firing");
  });

  test("repeats with more than eight other steps between them do not belong together", () => {
    const known = (count: number): Scene => repeat(count, (index) => act(`tool${index}`, {}, "x"));
    const counts = (between: number): number | undefined =>
      play([...known(between), ...repeat(3, () => [search, ...known(between)]).flat(), search], {
        ...SETTINGS,
        cycleLaps: 99,
        noProgressCalls: 99,
      }).at(-1)?.count;
    assert.equal(counts(8), 4);
    assert.equal(counts(9), 0);
  });

  test("a person's message starts the count again", () => {
    assertSilent(["go", search, search, "now as of today", search, search, "and for Ann", search]);
  });

  test("a person's message counts before a thought, too", () => {
    const thought = act("think", { thought: "the person wants it again" }, "");
    assertSilent([search, search, "now as of today", thought, search, search]);
  });

  test("what was learned long ago and left the ring is no news", () => {
    const known = act("ls", {}, "a");
    const between = repeat(70, (page) => act("list", { page }, "x"));
    assert.equal(last([known, ...between, search, known, search, search, search]), "firing");
  });

  test("parallel duplicates in one turn count once", () => {
    const twice = [...search, ...search, ...search];
    assertSilent([twice, twice]);
    assert.equal(play(repeat(4, () => twice)).at(-1)?.count, 4);
  });

  test("thinking and waiting are no loop", () => {
    for (const tool of ["think", "mcp__time__wait", "Sleep", "notes.note"]) {
      assertSilent(repeat(10, () => act(tool, { seconds: 5 }, "")));
    }
  });

  test("thinking between the repeats does not hide them", () => {
    const scene = repeat(4, (index) => [act("think", { thought: `${index}` }, ""), search]);
    assert.equal(last(scene.flat()), "firing");
  });
});

describe("same call, same error", () => {
  const pay = act("pay", { amount: 5 }, "Error: payment method not found");

  test("fires at the third equal failure", () => {
    const verdicts = play(["go", pay, pay, pay]);
    assert.deepEqual(
      verdicts.map((verdict) => verdict.severity),
      ["clear", "suspected", "firing"],
    );
    assert.equal(verdicts.at(-1)?.pattern, "same-call-same-error");
    assert.equal(verdicts.at(-1)?.count, 3);
  });

  test("a changing number in the message does not hide it", () => {
    assert.equal(
      last(repeat(3, (index) => act("get", {}, `Error: try ${index} failed`))),
      "firing",
    );
  });

  test("a result that the dialect marks as an error counts as one", () => {
    const failed: Act = { tool: "run", arguments: {}, result: "nothing to do", isError: true };
    assert.equal(last(repeat(3, () => [failed])), "firing");
  });

  test("across a person's messages it takes one failure more", () => {
    assert.deepEqual(severities([pay, "try again", pay, "once more", pay, "please", pay]), [
      "clear",
      "clear",
      "suspected",
      "firing",
    ]);
    assert.equal(last([pay, "try again", pay, pay, pay]), "firing");
  });

  test("what happened before a person's message does not excuse what happened after it", () => {
    const work = act("edit", {}, "ok");
    assert.equal(last([pay, work, "try again", pay, pay, pay]), "firing");
  });

  test("running the tests again after edits is silent while the failures change", () => {
    const scene = repeat(12, (index) => [
      act("edit", { line: index }, "ok"),
      act("test", {}, `Error: ${12 - index} tests failed`),
    ]);
    assertSilent(scene.flat());
  });

  test("the very same failure after every edit of one place is reported, but later", () => {
    const scene = repeat(4, (index) => [
      act("edit", { line: index }, "ok"),
      act("test", {}, "Error: 3 tests failed"),
    ]).flat();
    assert.deepEqual(severities(scene).slice(4), ["clear", "suspected", "clear", "firing"]);
  });

  test("a failure that stays while cause after cause is ruled out has more patience still", () => {
    const causes = ["lock", "cache", "queue", "clock", "retry", "order", "index", "proxy"];
    const scene = (count: number): Scene =>
      causes
        .slice(0, count)
        .flatMap((cause) => [
          act("edit", { path: `${cause}.py`, text: `the ${cause}` }, "ok"),
          act("test", {}, "Error: 3 tests failed"),
        ]);
    assert.equal(last(scene(6)), "suspected");
    assert.equal(last(scene(7)), "firing");
  });

  test("another error, or a success, starts the count again", () => {
    const other = act("pay", { amount: 5 }, "Error: card expired");
    const paid = act("pay", { amount: 5 }, "paid");
    assert.deepEqual(last([pay, pay, other]), "clear");
    assert.deepEqual(last([pay, pay, paid, pay]), "clear");
  });

  test("the same error for different arguments is left alone", () => {
    assertSilent(repeat(20, (host) => act("ping", { host }, "Error: timed out")));
  });

  test("trying a busy service again after a wait has more patience", () => {
    const busy = act("fetch", { url: "x" }, "Error: 503 Service Unavailable");
    const wait = act("wait", { seconds: 30 }, "");
    assertSilent([busy, wait, busy]);
    const tries = (count: number): Scene => repeat(count, () => [wait, busy]).flat();
    assert.equal(last(tries(5)), "suspected");
    assert.equal(last(tries(6)), "firing");
    assert.equal(last([busy, busy, busy]), "firing");
  });
});

describe("cycles", () => {
  const lap = (period: number, result = "same"): (readonly Act[])[] =>
    repeat(period, (index) => act(`tool${index}`, { index }, result));
  const laps = (times: number, period: number): Scene => repeat(times, () => lap(period)).flat();

  for (const period of [2, 3, 4]) {
    test(`three laps of ${period} calls with the same results fire`, () => {
      const verdicts = play(laps(3, period));
      const firing = verdicts.at(-1);
      assert.equal(firing?.severity, "firing");
      assert.equal(firing?.pattern, "cycle");
      assert.equal(firing?.period, period);
      assert.equal(firing?.count, 3);
      assert.deepEqual(
        firing?.tools.toSorted(),
        repeat(period, (index) => `tool${index}`),
      );
      assert.equal(verdicts.at(-2)?.severity, "suspected");
    });
  }

  test("a cycle goes by the same key wherever in the lap it stands", () => {
    const keys = play(laps(5, 3))
      .slice(8)
      .map((verdict) => verdict.key);
    assert.equal(new Set(keys.filter((key) => key?.startsWith("cycle"))).size, 1);
  });

  test("laps whose results change are no cycle", () => {
    const scene = repeat(10, (index) => [
      act("edit", { path: "a" }, `version ${index}`),
      act("test", {}, `Error: ${20 - index} tests failed`),
    ]);
    assertSilent(scene.flat());
  });

  test("thinking in between does not hide a cycle", () => {
    const scene = repeat(3, (index) => [...lap(2), act("think", { thought: `hm ${index}` }, "")]);
    assert.equal(last(scene.flat().slice(0, -1)), "firing");
  });

  test("the order of parallel calls in a lap does not matter", () => {
    const [first = [], second = [], third = []] = lap(3);
    const scene = [[...first, ...second], third, [...second, ...first], third];
    assert.equal(play([...scene, ...scene.slice(0, 2)]).at(-1)?.pattern, "cycle");
  });

  test("one call that repeats is no cycle", () => {
    const scene = repeat(30, () => act("search", {}, "[]"));
    const verdicts = play(scene, { ...SETTINGS, sameResultCount: 99, noProgressCalls: 99 });
    assert.deepEqual(new Set(verdicts.map((verdict) => verdict.severity)), new Set(["clear"]));
  });

  test("a person's message ends a cycle", () => {
    const [one, two] = ["now for the blue ones", "and the red ones"];
    assertSilent([...laps(1, 2), one, ...laps(1, 2), two, ...laps(1, 2)]);
  });

  test("a mere push to go on does not", () => {
    const scene = [...laps(1, 2), "go on", ...laps(1, 2), "continue", ...laps(1, 2)];
    assert.equal(last(scene), "firing");
  });

  test("a cycle that waits for something has twice the laps", () => {
    const wait = [act("status", {}, "pending"), act("logs", {}, "no lines")];
    const polls = repeat(3, () => wait).flat();
    assert.notEqual(last(polls), "firing");
    assert.equal(last([...polls, ...polls]), "firing");
  });

  test("news in one lap makes it count half, and news in every lap excuses the cycle", () => {
    const other = (index: number): readonly Act[] => act("look", { index }, `seen ${index}`);
    const mixed = [...lap(2), ...lap(2), other(1), ...lap(2)];
    assert.equal(last(mixed), "suspected");
    assert.equal(last([...mixed, ...lap(2)]), "firing");
    assertSilent(repeat(6, (index) => [...lap(2), other(index)]).flat());
  });

  test("cycles of up to eight calls are found, of nine no more as such", () => {
    assert.equal(play(laps(3, 8)).at(-1)?.pattern, "cycle");
    assert.notEqual(play(laps(3, 9)).at(-1)?.pattern, "cycle");
  });
});
