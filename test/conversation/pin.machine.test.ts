import assert from "node:assert/strict";
import { test } from "node:test";
import { initialPin, nextPin, pinnedModel } from "../../src/conversation/pin.machine.ts";
import type { PinSnapshot, PinTarget } from "../../src/conversation/pin.machine.ts";

const target = (name: string, rating: number | null): PinTarget => ({
  deployment: `lab/${name}`,
  model: `${name}-1`,
  rating,
  catalogVersion: "2026-11-01",
});

const BIG = target("big", 0.8);
const GRAND = target("grand", 0.9);
const SMALL = target("small", 0.4);

const choose = (pin: PinSnapshot, chosen: PinTarget) =>
  nextPin(pin, { type: "pin.chosen", target: chosen });
const substitute = (pin: PinSnapshot, chosen: PinTarget) =>
  nextPin(pin, { type: "pin.substituted", target: chosen });
const serve = (pin: PinSnapshot, deployment: string, model: string) =>
  nextPin(pin, { type: "turn.served", deployment, model, exception: false });

const HOME = choose(initialPin(), BIG);

test("Of two first turns at once one pin wins, and both use it (P5)", () => {
  assert.equal(pinnedModel(initialPin()), null);
  assert.deepEqual(pinnedModel(HOME), BIG);
  assert.deepEqual(pinnedModel(choose(HOME, GRAND)), BIG);
});

test("The same model elsewhere is away from home, and home again when home serves (P2)", () => {
  const away = serve(HOME, "cloud/big", "big-1");
  assert.deepEqual(away, { value: "away", context: { ...HOME.context, away: "cloud/big" } });
  assert.deepEqual(pinnedModel(away), BIG);
  assert.equal(serve(away, "edge/big", "big-1").context.away, "edge/big");
  assert.deepEqual(serve(away, "lab/big", "big-1"), HOME);
});

test("A turn served by another model moves no pin: only a question decides (P4)", () => {
  assert.equal(serve(HOME, "lab/grand", "grand-1"), HOME);
});

test("A one-turn exception leaves the pin as it was, wherever it was served (P4)", () => {
  const away = serve(HOME, "cloud/big", "big-1");
  const exception = { type: "turn.served", model: "big-1", exception: true } as const;
  assert.equal(nextPin(away, { ...exception, deployment: "lab/big" }), away);
  assert.equal(nextPin(away, { ...exception, deployment: "lab/grand", model: "grand-1" }), away);
});

test("A substitute takes over the turns while home stays the yardstick (P2)", () => {
  const substituted = substitute(serve(HOME, "cloud/big", "big-1"), GRAND);
  assert.equal(substituted.value, "substituted");
  assert.deepEqual(pinnedModel(substituted), GRAND);
  assert.deepEqual(substituted.context.home, BIG);
  const middling = target("middling", 0.85);
  assert.deepEqual(
    pinnedModel(substitute(substituted, middling)),
    middling,
    "measured by home, not by the substitute before",
  );
});

test("No substitute is rated below home, and an unrated one only stands in for an unrated home (P3)", () => {
  assert.equal(substitute(HOME, SMALL), HOME);
  assert.equal(substitute(HOME, target("unknown", null)), HOME);
  const unrated = choose(initialPin(), target("own", null));
  assert.deepEqual(pinnedModel(substitute(unrated, SMALL)), SMALL);
});

test("The home model is no substitute for itself, at whichever deployment (P3)", () => {
  assert.equal(substitute(HOME, { ...BIG, deployment: "cloud/big" }), HOME);
});

test("Going home ends a substitution, even to a lower rating (P1)", () => {
  const substituted = substitute(HOME, GRAND);
  assert.equal(serve(substituted, "lab/grand", "grand-1"), substituted);
  assert.deepEqual(serve(substituted, "lab/big", "big-1"), HOME);
  assert.equal(serve(substituted, "cloud/big", "big-1").value, "away");
});

test("The way back is decided like the way out: only by the home model, wherever it is served (P1)", () => {
  const substituted = substitute(serve(HOME, "cloud/big", "big-1"), GRAND);
  const back = (to: PinTarget) => nextPin(substituted, { type: "pin.returned", target: to });
  assert.deepEqual(back({ ...BIG, rating: null }), HOME, "home stays the yardstick it was");
  assert.deepEqual(back({ ...BIG, deployment: "edge/big" }), serve(HOME, "edge/big", "big-1"));
  assert.equal(back(SMALL), substituted);
  assert.equal(nextPin(HOME, { type: "pin.returned", target: BIG }), HOME);
});

test("A profile that only holds may move house, and starts there with a clean slate (P1)", () => {
  const moved = nextPin(substitute(HOME, GRAND), { type: "pin.moved", target: SMALL });
  assert.deepEqual(moved, choose(initialPin(), SMALL));
  assert.equal(nextPin(initialPin(), { type: "pin.moved", target: SMALL }).value, "unpinned");
});

test("A release forgets home, so that the next turn chooses afresh (P6)", () => {
  const released = nextPin(substitute(HOME, GRAND), { type: "pin.released" });
  assert.deepEqual(released, initialPin());
  assert.deepEqual(pinnedModel(choose(released, SMALL)), SMALL);
});

test("A name too long to be read back is refused before it is written (C6)", () => {
  const long = { ...BIG, deployment: "x".repeat(513) };
  assert.throws(() => choose(initialPin(), long), /context\.home\.deployment/);
});
