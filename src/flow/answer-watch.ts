// Who watches the text of an answer while it is relayed: the detector of repetition, in conversations that want it.
// Must never watch where divergence is off, nor cut what a profile, a key or a caller did not allow to be touched.

import { asksForRepetition } from "../conversation/divergence/asked-repetition.ts";
import { watchText, type Repetition } from "../conversation/divergence/stream-repetition.ts";
import { armOf } from "../conversation/judge-turn.ts";
import type { TextWatch } from "../upstream/dialect.ts";
import type { Sending } from "./send.ts";

export interface AnswerWatch {
  /** The watch of one attempt: of what an earlier one wrote nobody has read anything. */
  begin(): TextWatch;
  /** What was found in the text of the last attempt, now that it is over. */
  found(): Repetition | null;
}

/** Null, at no cost: nobody watches. */
export function watchAnswer({ call, decision, profile }: Sending): AnswerWatch | null {
  if (decision === null || decision.asked.kind === "side") return null;
  const { divergence, transcript } = decision.question;
  if (divergence === "off") return null;
  // Who only watches changes nothing.
  const allowed = profile.divergence.cutRepetition && armOf(decision.question) === "corrected";
  let watcher: ReturnType<typeof watchText> | null = null;
  return {
    begin() {
      const own = watchText();
      watcher = own;
      let mayCut: boolean | null = null;
      let repeats = false;
      return {
        add(text) {
          repeats = own.add(text) !== null;
        },
        wantsCut() {
          if (!allowed || !repeats) return false;
          // Asked once: neither answer changes while the answer is written.
          mayCut ??= !asksForRepetition(transcript) && !asksForChoices(call.request.body);
          return mayCut;
        },
      };
    },
    found() {
      const repetition = watcher?.end() ?? null;
      return repetition === null || asksForRepetition(transcript) ? null : repetition;
    },
  };
}

const MANY_CHOICES = /"n"\s*:\s*(?:[2-9]|1\d)/;

/** More than one answer was asked for: the end of the first one is not the end. */
function asksForChoices(body: Buffer): boolean {
  return MANY_CHOICES.test(body.toString("latin1"));
}
