// What a turn asks of its conversation, and what the conversation answers. Shapes only.

import type { DivergenceMode, Profile } from "../turn/profile.ts";
import type { Transcript } from "../turn/transcript.ts";
import type { Insertion } from "./corrections.ts";
import type { Verdict } from "./divergence/verdict.ts";
import type { Step } from "./evidence.ts";
import type { ConversationRecord, CorrectionRecord, ThreadEntry, ThreadRecord } from "./record.ts";
import type { ThreadMatch } from "./threads.ts";

export interface TurnQuestion {
  readonly requestId: string;
  readonly transcript: Transcript;
  readonly match: ThreadMatch;
  readonly threadId: string;
  readonly profile: Profile;
  /** The strictest of the global, the key's and the profile's setting. */
  readonly divergence: DivergenceMode;
  /** The conversation belongs to the share that is only watched. */
  readonly watchedOnly: boolean;
  /** False when the caller sent `X-Router-Corrections: off`. */
  readonly correctionsWanted: boolean;
  readonly hints: { readonly agent: string | null };
  readonly idempotency: string | null;
  readonly spentNanoUsd: number;
  readonly now: number;
}

/** The conversation after the question, not yet stored. */
export interface TurnAsked {
  readonly record: ConversationRecord;
  readonly thread: ThreadRecord;
  readonly threadId: string;
  readonly kind: ThreadEntry["kind"];
  /** Number of this turn in the conversation; for a resend, the number of the turn it repeats. */
  readonly turn: number;
  /** Number of this turn among those of its thread: what cool-down and recovery are counted in. */
  readonly threadTurn: number;
  readonly resend: boolean;
  /** Steps this request brought, for settle-turn. */
  readonly steps: readonly Step[];
  readonly verdict: Verdict | null;
  readonly insertions: readonly Insertion[];
  /** The correction decided in this very turn, if there is one. */
  readonly correction: CorrectionRecord | null;
  /** This turn goes to a stronger model than the pinned one, if there is one that may be chosen. */
  readonly stronger: boolean;
  /** Id of the episode that is open while this turn is sent: what it uses is counted there too. */
  readonly episode: string | null;
  /** Something was decided that must be stored before any byte goes upstream (I2). */
  readonly decided: boolean;
  /**
   * The conversation is over: answer with a kind ending instead of calling a model. `halted`: by a person;
   * `loop`: by the ladder.
   */
  readonly ending: "budget" | "halted" | "loop" | null;
}
