// What the tests of all dialects share: a started upstream that ends with the test, and the trial
// of a judge.
// Must never pass a judge that refuses everything: the right request is tried first.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { RequestValidator, WireHeaders } from "./judge.ts";
import { startDialectUpstream } from "./scripted-upstream.ts";
import type { DialectName, DialectUpstream } from "./scripted-upstream.ts";
import type { Script } from "./step.ts";

export async function started(
  t: TestContext,
  name: DialectName,
  script?: Script,
): Promise<DialectUpstream> {
  const upstream = await startDialectUpstream(name, script);
  t.after(() => upstream.close());
  return upstream;
}

type Wrong<Change> = readonly [change: Change, fault: RegExp];

export interface Trial {
  readonly name: string;
  readonly validate: RequestValidator;
  readonly path: string;
  readonly headers: WireHeaders;
  /** A right request. */
  readonly body: object;
  /**
   * What is changed at the top of the right body, and what must then be found; undefined takes a
   * field away.
   */
  readonly wrong: readonly Wrong<object>[];
  readonly wrongHeaders: readonly Wrong<WireHeaders>[];
  readonly wrongPaths?: readonly Wrong<string>[];
  /** Changes after which the request is still right. */
  readonly alsoRight?: readonly object[];
}

/**
 * Declares the test that the judge finds each wrong request, and nothing wrong with the right
 * ones.
 */
export function refusesAll(trial: Trial): void {
  const { name, validate, path, headers, body, wrong, wrongHeaders, wrongPaths = [] } = trial;
  // Through JSON, so that a field that is undefined is absent.
  const changed = (change: object): unknown => JSON.parse(JSON.stringify({ ...body, ...change }));
  test(`a right ${name} request has no fault, and ${wrong.length} wrong bodies have theirs`, () => {
    for (const change of [{}, ...(trial.alsoRight ?? [])]) {
      assert.deepEqual(validate(path, headers, changed(change)), [], JSON.stringify(change));
    }
    for (const [change, fault] of wrong) {
      const faults = validate(path, headers, changed(change));
      assert.match(faults.join("\n"), fault, JSON.stringify(change));
    }
    for (const [change, fault] of wrongHeaders) {
      const faults = validate(path, { ...headers, ...change }, body);
      assert.match(faults.join("\n"), fault, JSON.stringify(change));
    }
    for (const [wrongPath, fault] of wrongPaths) {
      assert.match(validate(wrongPath, headers, body).join("\n"), fault, wrongPath);
    }
    assert.notDeepEqual(validate(path, headers, undefined), []);
  });
}
