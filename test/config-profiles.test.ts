// The four profiles that come with the package, and the operator's own.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Profile } from "../src/turn/profile.ts";
import { faultLines, load, loaded } from "./config-fixture.ts";

const HOUR_MS = 3_600_000;

describe("the profiles that come with the package", () => {
  it("are AGENT, BATCH, CHAT and SAVINGS, with CHAT and AGENT as the defaults", (t) => {
    const config = loaded(load(t, ""));
    assert.deepEqual([...config.profiles.keys()], ["AGENT", "BATCH", "CHAT", "SAVINGS"]);
    assert.equal(config.defaultProfile, "CHAT");
    assert.equal(config.defaultConversationProfile, "AGENT");
  });

  it("let AGENT lock a strong model, correct loops and never downgrade", (t) => {
    const agent: Profile | undefined = loaded(load(t, "")).profiles.get("AGENT");
    assert.deepEqual(agent, {
      name: "AGENT",
      description: "Locks one strong model for the whole conversation and steers it out of loops.",
      pin: { mode: "lock", substitute: "never" },
      floor: 0.6,
      qualityKind: "agent",
      divergence: {
        mode: "correct",
        sameResultCount: 4,
        sameErrorCount: 3,
        sideEffectCount: 3,
        nearErrorCount: 4,
        variedErrorCount: 6,
        nearResultCount: 5,
        cycleLaps: 3,
        noProgressCalls: 10,
        malformedCount: 3,
        planChurnCount: 5,
        planSetBackCount: 2,
        retryStormCount: 6,
        exactTextCount: 3,
        nearTextCount: 4,
        rewordedTextCount: 5,
        reaskedCount: 3,
        announcedCount: 5,
        compactionCount: 2,
        correctionsMax: 4,
        coolDownTurns: 3,
        strongerTurnsMax: 0,
        ending: "never",
        observeSharePercent: 0,
        cutRepetition: false,
        loop: {},
      },
      rankBy: ["quality", "cost"],
      underLoad: { strategy: "heal", waitMsMax: 0, queueMax: 0 },
      budgetUsd: null,
      idleMs: 30 * 24 * HOUR_MS,
    });
  });

  it("let CHAT hold, BATCH wait and SAVINGS go cheaper, none with a floor or corrections", (t) => {
    const { profiles } = loaded(load(t, ""));
    const essence = ["CHAT", "BATCH", "SAVINGS"].map((name) => {
      const profile = profiles.get(name);
      return {
        pin: profile?.pin.mode,
        floor: profile?.floor,
        divergence: profile?.divergence.mode,
        rankBy: profile?.rankBy,
        underLoad: profile?.underLoad,
        idleMs: profile?.idleMs,
      };
    });
    const same = { floor: null, divergence: "off", idleMs: 24 * HOUR_MS };
    const noWait = { waitMsMax: 0, queueMax: 0 };
    assert.deepEqual(essence, [
      {
        ...same,
        pin: "hold",
        rankBy: ["latency", "cost"],
        underLoad: { strategy: "move", ...noWait },
      },
      {
        ...same,
        pin: "none",
        rankBy: ["cost", "throughput"],
        underLoad: { strategy: "wait", waitMsMax: 120_000, queueMax: 256 },
      },
      { ...same, pin: "none", rankBy: ["cost"], underLoad: { strategy: "cheaper", ...noWait } },
    ]);
  });
});

describe("an operator's profile", () => {
  it("is added under its own name or that of its file, whatever the case", (t) => {
    const files = {
      "own/night.yaml": "floor: basic\nidle: 90m\nbudgetUsd: 2.5",
      "own/x.json": '{ "name": "review", "floor": 0.7, "pin": { "mode": "hold" } }',
      "own/notes.txt": "not a profile: {",
    };
    const config = loaded(load(t, "profiles: own\ndefaultProfile: Night", { files }));
    const night = config.profiles.get("NIGHT");
    assert.equal(night?.floor, 0.35);
    assert.equal(night?.idleMs, 1.5 * HOUR_MS);
    assert.equal(night?.budgetUsd, 2.5);
    assert.equal(config.profiles.get("REVIEW")?.pin.mode, "hold");
    assert.equal(config.profiles.size, 6);
    assert.equal(config.defaultProfile, "NIGHT");
  });

  it("replaces the one of the same name that comes with the package", (t) => {
    const files = { "own/agent.yaml": "name: agent\nfloor: frontier" };
    const config = loaded(load(t, "profiles: own", { files }));
    assert.equal(config.profiles.size, 4);
    assert.equal(config.profiles.get("AGENT")?.floor, 0.8);
  });

  it("is refused with its file and field when it is broken, beside the faults of the configuration", (t) => {
    const files = {
      "own/a.yaml": "idle: 5 days\nfloor: excellent\npin: { mode: glue }",
      "own/b.yaml": "rankBy: [cost, cost]\nunderload: {}",
      "own/c.yaml": "name: {",
      "own/d.yaml": "name: twin",
      "own/twin.yaml": "idle: 500d",
      "own/e.yaml": "name: TWIN",
    };
    const lines = faultLines(load(t, "profiles: own\nstore: 1", { files }));
    const expected = [
      /^store: /,
      /own\/e\.yaml: is a second TWIN; the first is .*d\.yaml$/,
      /a\.yaml: pin\.mode: /,
      /a\.yaml: floor: expected none, frontier, strong, basic or a number/,
      /a\.yaml: idle: expected a number with its unit/,
      /b\.yaml: rankBy: names one key twice/,
      /b\.yaml: underload: .*did you mean underLoad/,
      /c\.yaml: is not valid YAML/,
      /twin\.yaml: idle: expected between/,
    ];
    for (const pattern of expected) {
      assert.ok(
        lines.some((line) => pattern.test(line)),
        `${pattern} in\n${lines.join("\n")}`,
      );
    }
  });
});
