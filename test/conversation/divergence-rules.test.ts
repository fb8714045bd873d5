import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ruleFor, withToolMeta } from "../../src/conversation/divergence/tool-rules.ts";
import type { ToolRules } from "../../src/turn/profile.ts";
import { act, play, repeat, SETTINGS, type Scene } from "./divergence-scene.ts";

const fires = (scene: Scene, rules: ToolRules): number =>
  1 + play(scene, SETTINGS, rules).findIndex((verdict) => verdict.severity === "firing");

describe("rules for single tools", () => {
  const claims = repeat(9, () => act("claim_task", {}, "a task for you to work on"));

  test("an exempted tool is never reported, by name or by glob", () => {
    assert.equal(fires(claims, {}), 4);
    assert.equal(fires(claims, { claim_task: { exempt: true } }), 0);
    assert.equal(fires(claims, { "cl*_t*k": { exempt: true } }), 0);
    assert.equal(fires(claims, { "claim_*x": { exempt: true } }), 4);
  });

  test("a tool that is polled has twice the patience, and one that is not has none", () => {
    assert.equal(fires(claims, { claim_task: { poll: true } }), 8);
    const watched = repeat(9, () => act("watch_sensor", {}, "the sensor reports nothing at all"));
    assert.equal(fires(watched, {}), 8);
    assert.equal(fires(watched, { watch_sensor: { poll: false } }), 4);
  });

  test("only the named fields tell calls apart", () => {
    const posts = repeat(5, (index) =>
      act("look", { page: "a", salt: index }, "the same old page"),
    );
    assert.equal(fires(posts, { look: { key: ["page"] } }), 4);
    assert.notEqual(fires(posts, { look: { key: ["salt"] } }), 4);
    assert.equal(fires(posts, { look: { key: ["other"] } }), fires(posts, {}));
  });

  test("what changes something is reported earlier, and what does not is not", () => {
    assert.equal(fires(claims, { claim_task: { mutating: true } }), 3);
    const sends = repeat(5, () => act("send_ping", {}, "pong"));
    assert.equal(fires(sends, {}), 3);
    assert.equal(fires(sends, { send_ping: { mutating: false } }), 4);
  });

  test("a tool's own name comes before a glob, and earlier globs before later ones", () => {
    const rules: ToolRules = { "a*": { poll: true }, "*b": { exempt: true }, ab: { key: ["x"] } };
    assert.deepEqual(ruleFor(rules, "ab"), { key: ["x"] });
    assert.deepEqual(ruleFor(rules, "axb"), { poll: true });
    assert.deepEqual(ruleFor(rules, "xb"), { exempt: true });
    assert.equal(ruleFor(rules, "x"), null);
    assert.equal(ruleFor(rules, "constructor"), null);
    assert.equal(ruleFor({ "aa*aa": {} }, "aaa"), null);
  });
});

describe("what tools say of themselves", () => {
  const META_KEY = "openrouter/loopKey";
  const meta = (key: unknown): unknown => ({ [META_KEY]: key });

  test("a list of fields is the key, and false exempts the tool", () => {
    const rules = withToolMeta(
      {},
      [
        { name: "a", meta: meta(["id"]) },
        { name: "b", meta: meta(false) },
      ],
      META_KEY,
    );
    assert.deepEqual(rules, { a: { key: ["id"] }, b: { exempt: true } });
  });

  test("what the operator said of a tool stands", () => {
    const rules: ToolRules = { "a*": { poll: true } };
    assert.equal(withToolMeta(rules, [{ name: "ab", meta: meta(false) }], META_KEY), rules);
  });

  test("anything else is ignored", () => {
    const odd = [null, 5, "id", [], [""], [1], true, ["x".repeat(129)], repeat(17, String)];
    for (const key of odd) {
      assert.deepEqual(
        withToolMeta({}, [{ name: "a", meta: meta(key) }], META_KEY),
        {},
        JSON.stringify(key),
      );
    }
    assert.deepEqual(withToolMeta({}, [{ name: "a", meta: null }], META_KEY), {});
  });
});
