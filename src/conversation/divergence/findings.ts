// What a note says was seen, by pattern: one or two fixed sentences with counts and tool names.
// Must never quote arguments or results: that is correction.ts, with everything it does to make them safe.

import { ANNOUNCED } from "./announced-only.ts";
import { CYCLE } from "./cycle.ts";
import { EXCHANGE_CYCLE } from "./exchange-cycle.ts";
import { MALFORMED } from "./malformed-calls.ts";
import { NO_PROGRESS } from "./no-progress.ts";
import { PLAN_CHURN } from "./plan-churn.ts";
import { PLAN_SET_BACK } from "./plan-set-back.ts";
import { REASKED } from "./reasked-question.ts";
import { REPEATED_TEXT } from "./repeated-text.ts";
import { SIDE_EFFECT } from "./repeated-side-effect.ts";
import { RETRY_STORM } from "./retry-storm.ts";
import { SAME_ERROR } from "./same-call-same-error.ts";
import { SAME_RESULT } from "./same-call-same-result.ts";
import { VARIED_ERROR } from "./same-error-varied-calls.ts";
import { NEAR_RESULT } from "./same-result-near-calls.ts";
import { AFTER_COMPACTION } from "./same-work-after-compaction.ts";
import { STREAM_REPETITION } from "./stream-repetition.ts";
import type { Verdict } from "./verdict.ts";

type Finding = (verdict: Verdict, tools: string) => string;

/** `tools` are the names, quoted and clipped by the caller. */
const FINDINGS: ReadonlyMap<string, Finding> = new Map<string, Finding>([
  [
    SAME_RESULT,
    ({ count }, tools) =>
      `the tool ${tools} was called ${count} times with the same arguments, and the result did ` +
      "not change. Calling it once more will bring the same result.",
  ],
  [
    SAME_ERROR,
    ({ count }, tools) =>
      `the tool ${tools} was called ${count} times with the same arguments, and the error did ` +
      "not change. The same call will fail again.",
  ],
  [
    SIDE_EFFECT,
    ({ count }, tools) =>
      `the tool ${tools} was called ${count} times with the same arguments, and it worked each ` +
      "time. It was done already: do not do it again.",
  ],
  [
    VARIED_ERROR,
    ({ count }, tools) =>
      `the tool ${tools} failed ${count} times in the same way although its arguments were ` +
      "changed. What was changed is not what is wrong.",
  ],
  [
    NEAR_RESULT,
    ({ count }, tools) =>
      `the tool ${tools} was asked nearly the same ${count} times and told the same each time. ` +
      "Another wording will bring nothing else.",
  ],
  [
    CYCLE,
    ({ count }, tools) =>
      `the same round of calls (${tools}) was made ${count} times, and no result in it changed. ` +
      "Another round will bring the same results.",
  ],
  [NO_PROGRESS, ({ count }) => `the latest ${count} calls brought nothing that was not known.`],
  [
    MALFORMED,
    ({ count }, tools) =>
      `${count} calls (${tools}) could not work: their arguments were no valid JSON or were ` +
      "missing, or the tool does not exist. Use the tools you were given, with their schema.",
  ],
  [
    RETRY_STORM,
    ({ count }, tools) =>
      `the tool ${tools} was tried ${count} times while its service is down or busy. Trying at ` +
      "once again will not help.",
  ],
  [
    PLAN_CHURN,
    ({ count }) =>
      `the plan was written ${count} times, and nothing in it was done in between. Do its next ` +
      "step instead.",
  ],
  [
    PLAN_SET_BACK,
    () => "steps of the plan that were finished were taken up again. Go on with the next open one.",
  ],
  [
    AFTER_COMPACTION,
    () =>
      "each time the history was condensed, the same work was begun again. It was done already; " +
      "go on from its results.",
  ],
  [
    REPEATED_TEXT,
    ({ count }) => `the latest ${count} answers said the same. Saying it again will not help.`,
  ],
  [
    REASKED,
    ({ count }) =>
      `the same question was asked ${count} times, although the user has answered it. Use the ` +
      "answer that is there.",
  ],
  [
    EXCHANGE_CYCLE,
    ({ count }) => `the same exchange was gone through ${count} times. Try something else in it.`,
  ],
  [
    ANNOUNCED,
    ({ count }) =>
      `${count} times in a row it was said what would be done, and nothing was done. Do it now, ` +
      "or say why it cannot be done.",
  ],
  [
    STREAM_REPETITION,
    () =>
      "your last answer went round in circles: it repeated the same words to no end. Do not go " +
      "on with it; say once what is new.",
  ],
]);

/** The sentences for this verdict; null for a pattern that has none. */
export function findingOf(verdict: Verdict, tools: string): string | null {
  return FINDINGS.get(verdict.pattern ?? "")?.(verdict, tools) ?? null;
}
