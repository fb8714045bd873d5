// The `divergence` section of a profile: thresholds of the loop detector, its answers, rules for single tools.
// Must never have a default that differs from DIVERGENCE_DEFAULTS: replay and tests use those.

import { z } from "zod";
import { DIVERGENCE_DEFAULTS, type DivergenceSettings } from "./turn/profile.ts";

const COUNT_MAX = 1_000;
const TOOL_RULES_MAX = 256;
/** What a stronger model cannot turn round in two turns, it will not in three. */
const STRONGER_TURNS_MAX = 2;

const count = (least: number) => z.int().min(least).max(COUNT_MAX);

type Threshold = {
  [Key in keyof DivergenceSettings]: DivergenceSettings[Key] extends number ? Key : never;
}[keyof DivergenceSettings];

const threshold = (key: Threshold) => count(2).default(DIVERGENCE_DEFAULTS[key]);

const toolRuleSchema = z.strictObject({
  exempt: z.boolean().optional().describe("true: its calls are neither work nor a repeat."),
  key: z
    .array(z.string().min(1).max(128))
    .min(1)
    .max(16)
    .optional()
    .describe("The only fields of its arguments that tell its calls apart."),
  poll: z
    .boolean()
    .optional()
    .describe("Whether it is expected to be asked again until something changes."),
  mutating: z
    .boolean()
    .optional()
    .describe("Whether a second equal call changes something once more, like a payment."),
});

const loopSchema = z
  .record(z.string().min(1).max(128), toolRuleSchema)
  .refine((rules) => Object.keys(rules).length <= TOOL_RULES_MAX, "names too many tools")
  .default({});

export const divergenceSchema = z
  .strictObject({
    mode: z
      .enum(["off", "observe", "correct"])
      .default("off")
      .describe("off: nothing is judged. observe: verdicts only. correct: corrections are sent."),
    sameResultCount: threshold("sameResultCount").describe(
      "How often the same call must bring the same result before it counts as a loop.",
    ),
    sameErrorCount: threshold("sameErrorCount").describe(
      "How often the same call must bring the same error.",
    ),
    sideEffectCount: threshold("sideEffectCount").describe(
      "How often the same payment, message or booking must be repeated.",
    ),
    nearErrorCount: threshold("nearErrorCount").describe(
      "How often nearly the same arguments must fail alike, or any fail by their form.",
    ),
    variedErrorCount: threshold("variedErrorCount").describe(
      "How often other arguments must fail alike.",
    ),
    nearResultCount: threshold("nearResultCount").describe(
      "How often nearly the same arguments must read the same result.",
    ),
    cycleLaps: threshold("cycleLaps").describe(
      "How many laps a cycle of 2 to 8 different calls must make.",
    ),
    noProgressCalls: threshold("noProgressCalls").describe(
      "How many calls in a row must bring nothing new; more where they differ more.",
    ),
    malformedCount: threshold("malformedCount").describe(
      "How many calls must be malformed or name tools that do not exist.",
    ),
    planChurnCount: threshold("planChurnCount").describe(
      "How often a plan must be written without any change of status.",
    ),
    planSetBackCount: threshold("planSetBackCount").describe(
      "How often finished items of a plan must be taken up again.",
    ),
    retryStormCount: threshold("retryStormCount").describe(
      "How often a call must be tried again while its service is down.",
    ),
    exactTextCount: threshold("exactTextCount").describe(
      "How often a text without calls must be repeated word by word.",
    ),
    nearTextCount: threshold("nearTextCount").describe(
      "How often it must be repeated nearly word by word.",
    ),
    rewordedTextCount: threshold("rewordedTextCount").describe(
      "How often it must be repeated in other words.",
    ),
    reaskedCount: threshold("reaskedCount").describe(
      "How often a question must be asked although it was answered.",
    ),
    announcedCount: threshold("announcedCount").describe(
      "How often something must be announced without being done.",
    ),
    compactionCount: threshold("compactionCount").describe(
      "How often the same work must begin again after the history was condensed.",
    ),
    correctionsMax: count(0).default(4).describe("Most corrections one conversation may receive."),
    coolDownTurns: count(0)
      .default(3)
      .describe("Turns after a correction in which no further one is sent for the same loop."),
    strongerTurnsMax: z
      .int()
      .min(0)
      .max(STRONGER_TURNS_MAX)
      .default(0)
      .describe(
        "Turns of a conversation that may go to a stronger model, one at a time, when corrections " +
          "did not help. The pin stays. 0: none.",
      ),
    ending: z
      .enum(["never", "kind"])
      .default("never")
      .describe(
        "kind: a loop that no correction helped ends with an answer the agent can read. " +
          "never: its turns go on.",
      ),
    observeSharePercent: z
      .number()
      .min(0)
      .max(100)
      .default(0)
      .describe(
        "Share of conversations, by a hash of their id, that are only watched: how many recover " +
          "without help.",
      ),
    cutRepetition: z
      .boolean()
      .default(false)
      .describe(
        "true: a streamed answer that repeats the same words to no end is cut, and ends as one that " +
          "reached its length limit; only where corrections may be sent. false: it is only reported.",
      ),
    loop: loopSchema.describe(
      "What is known of single tools, by name or glob (`*` is any text); the exact name comes first.",
    ),
  })
  .prefault({});
