// Goal: traffic that is held in a geography stays there, and one model has one name wherever it is served. Method: the
// names and addresses AWS documents, and random ones.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bedrockUrl,
  mayServe,
  nameInRegion,
  readBedrockRegion,
  splitModelName,
  type BedrockRegion,
} from "../../src/upstream/regions.ts";
import { modelIdentity } from "../../src/upstream/catalog-names.ts";
import { liesWithin } from "../../src/routing/region.ts";

const SONNET = "anthropic.claude-sonnet-4-6";
const EVERYWHERE = ["global", "us", "eu", "jp", "au"];

function region(text: string): BedrockRegion {
  const read = readBedrockRegion(text);
  assert.ok(read, text);
  return read;
}

test("a region is a group, an exact region, or a group that says where it is asked", () => {
  const read = (text: string) => {
    const { name, profiles, source } = region(text);
    return [name, profiles.join("+"), source];
  };
  assert.deepEqual(read("global"), ["global", "global+us", "us-east-1"]);
  assert.deepEqual(read("global@eu-west-1"), ["global", "global+eu", "eu-west-1"]);
  assert.deepEqual(read("eu"), ["eu", "eu", "eu-central-1"]);
  assert.deepEqual(read("eu@eu-west-3"), ["eu", "eu", "eu-west-3"]);
  assert.deepEqual(read("apac"), ["apac", "apac+jp", "ap-northeast-1"]);
  assert.deepEqual(read("apac@ap-southeast-2"), ["apac", "apac+au", "ap-southeast-2"]);
  assert.deepEqual(read("apac@ap-south-1"), ["apac", "apac", "ap-south-1"]);
  assert.deepEqual(read("eu-central-1"), ["eu-central-1", "", "eu-central-1"]);
  assert.deepEqual(read("us-gov-west-1"), ["us-gov-west-1", "", "us-gov-west-1"]);
});

test("what is no region, or would be asked outside its group, is refused", () => {
  const wrong = ["", "mars", "EU", "eu@us-east-1", "us@us-gov-west-1", "jp@ap-south-1", "eu@", "@"];
  const odd = ["global@cn-north-1", "eu@eu-west-1@eu-west-2", "eu-central-1@eu-west-1", "toString"];
  for (const text of [...wrong, ...odd]) assert.equal(readBedrockRegion(text), null, text);
});

test("each partition has its own addresses", () => {
  assert.equal(bedrockUrl(region("eu")), "https://bedrock-runtime.eu-central-1.amazonaws.com");
  assert.equal(
    bedrockUrl(region("cn-north-1")),
    "https://bedrock-runtime.cn-north-1.amazonaws.com.cn",
  );
});

test("a model is asked through the profile of its region, or by its own name where that is the region", () => {
  assert.equal(nameInRegion(SONNET, region("global"), EVERYWHERE), `global.${SONNET}`);
  assert.equal(nameInRegion(SONNET, region("eu"), EVERYWHERE), `eu.${SONNET}`);
  assert.equal(nameInRegion(SONNET, region("apac"), EVERYWHERE), `jp.${SONNET}`);
  assert.equal(nameInRegion(SONNET, region("apac@ap-southeast-2"), EVERYWHERE), `au.${SONNET}`);
  assert.equal(nameInRegion(SONNET, region("eu-central-1"), EVERYWHERE), SONNET);
  // Without a global profile, the one of the geography that is asked.
  assert.equal(nameInRegion("deepseek.r1-v1:0", region("global"), ["us"]), "us.deepseek.r1-v1:0");
  assert.equal(nameInRegion("deepseek.r1-v1:0", region("eu"), ["us"]), null);
  // No profiles at all: the region that is asked serves it.
  assert.equal(
    nameInRegion("mistral.devstral-2-123b", region("eu"), []),
    "mistral.devstral-2-123b",
  );
});

test("a profile that was written stays where it may, and never widens the region", () => {
  assert.equal(nameInRegion(`us.${SONNET}`, region("global"), EVERYWHERE), `us.${SONNET}`);
  assert.equal(nameInRegion(`jp.${SONNET}`, region("apac"), []), `jp.${SONNET}`);
  assert.equal(nameInRegion(`us.${SONNET}`, region("eu"), EVERYWHERE), `eu.${SONNET}`);
  assert.equal(nameInRegion(`global.${SONNET}`, region("eu"), []), `eu.${SONNET}`);
  assert.equal(nameInRegion(`global.${SONNET}`, region("eu-west-1"), []), SONNET);
  const arn = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc";
  assert.equal(nameInRegion(arn, region("eu"), []), arn);
});

test("whatever is written and known, a name never leads out of a geography", () => {
  const profile = fc.constantFrom("global", "us", "eu", "apac", "jp", "au", "ca");
  const narrow = fc.constantFrom("us", "eu", "jp", "au", "ca");
  const written = fc.oneof(
    profile.map((name) => `${name}.${SONNET}`),
    fc.constant(SONNET),
  );
  fc.assert(
    fc.property(written, narrow, fc.uniqueArray(profile), (name, group, known) => {
      const asked = nameInRegion(name, region(group), known);
      const used = asked === null ? null : splitModelName(asked).profile;
      assert.ok(used === null || used === group, `${name} in ${group}: ${asked ?? "nothing"}`);
    }),
  );
});

test("a caller who names a profile is served by it or not at all", () => {
  assert.ok(mayServe(SONNET, region("eu")));
  assert.ok(mayServe(`eu.${SONNET}`, region("eu")));
  assert.ok(mayServe(`eu.${SONNET}`, region("global")));
  assert.ok(!mayServe(`us.${SONNET}`, region("eu")));
  assert.ok(!mayServe(`global.${SONNET}`, region("eu")));
  assert.ok(!mayServe(`eu.${SONNET}`, region("eu-central-1")));
});

test("a model is the same one under every profile", () => {
  for (const name of [...EVERYWHERE, "apac"]) {
    assert.equal(modelIdentity(`${name}.${SONNET}`), modelIdentity(SONNET));
    assert.deepEqual(splitModelName(`${name}.${SONNET}`), { profile: name, base: SONNET });
  }
  assert.deepEqual(splitModelName("us.writer"), { profile: null, base: "us.writer" });
});

test("a geography holds the regions of every platform that lie in it, and no others", () => {
  for (const here of ["eu", "EU", "eu-central-1", "europe-west4"]) {
    assert.ok(liesWithin(here, "eu"), here);
  }
  for (const here of ["us", "global", "us-east-1", null, "europe"]) {
    assert.ok(!liesWithin(here, "eu"), String(here));
  }
  assert.ok(liesWithin("eu-central-1", "eu-central-1"));
  assert.ok(!liesWithin("eu", "eu-central-1"), "a group may serve elsewhere in it");
  assert.ok(liesWithin("asia-northeast1", "apac") && liesWithin("au", "apac"));
  assert.ok(liesWithin("lab-3", "lab-3"), "an operator's own name");
});
