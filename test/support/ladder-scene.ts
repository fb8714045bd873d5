// An agent that repeats itself whatever it is told, under a profile of which a test names the steps of the ladder.
// Must never talk to a provider itself: what was asked of whom is what tests look at.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { ConversationStore } from "../../src/conversation/store-port.ts";
import { agentBody, opening, stuckRounds } from "./agent-turns.ts";
import {
  inConversation,
  model,
  provider,
  startGateway,
  type ConfigTree,
  type Json,
  type TestGateway,
} from "./gateway.ts";
import { startUpstream, toolAnswer, type Upstream, type UpstreamHandler } from "./upstream.ts";

/** Thousand tokens in, ten out: 0.001 USD for an answer of the held model, 0.01 USD for one of the best. */
export const USAGE = { promptTokens: 1_000, completionTokens: 0 };
const rated = (value: number) => ({ quality: { chat: value, agent: value, coding: value } });
const priced = (input: number) => ({ price: { input, output: input } });

/** The cheapest model above the floor is held; a better one is there, and one below the floor. */
export const MODELS = [
  model("held", { model: "held-1", ...rated(0.7), ...priced(1) }),
  model("best", { model: "best-1", ...rated(0.95), ...priced(10) }),
  model("weak", { model: "weak-1", ...rated(0.3), ...priced(0.1) }),
];

export const STUCK = toolAnswer("search", { q: "report" }, USAGE);

export interface LadderScene {
  readonly gateway: TestGateway;
  readonly upstream: Upstream;
  /** One turn of a history with so many equal rounds, and what came of it. */
  turn(rounds: number, more?: readonly Json[]): Promise<LadderTurn>;
  /** The turns with `from` up to `to` rounds; the last one comes back. */
  turns(from: number, to: number): Promise<LadderTurn>;
  conversation(): Promise<Json>;
}

export interface LadderTurn {
  readonly status: number;
  readonly answer: Json;
  readonly model: string | null;
  readonly pin: string | null;
  readonly state: string | null;
  readonly reason: string | null;
  readonly receipt: Json;
}

export interface SceneOptions {
  /** Settings of `divergence` beside `mode: correct` and a cool-down of one turn. */
  readonly divergence: ConfigTree;
  readonly models?: readonly ConfigTree[];
  readonly handler?: UpstreamHandler;
  readonly body?: ConfigTree;
  readonly headers?: Readonly<Record<string, string>>;
  /** A store of the test's own, such as one that goes on under another profile, or fails on command. */
  readonly store?: ConversationStore;
}

/** With a cool-down of one turn, corrections go out at 4, 6 and 8 rounds, and the ladder is used up at 10. */
export async function startLadder(t: TestContext, options: SceneOptions): Promise<LadderScene> {
  const upstream = await startUpstream(options.handler ?? STUCK);
  t.after(() => upstream.close());
  const tree = {
    providers: [provider("lab", upstream, { models: options.models ?? MODELS })],
    profiles: profileFolder(t, options.divergence),
  };
  const own = options.store === undefined ? {} : { store: options.store };
  const gateway = await startGateway(t, tree, own);
  const turn = async (rounds: number, more: readonly Json[] = []): Promise<LadderTurn> => {
    const messages = [...opening("Find the report."), ...stuckRounds(rounds), ...more];
    const headers = { ...inConversation("stuck", "LADDER"), ...options.headers };
    const response = await gateway.chat(agentBody(messages, options.body ?? {}), headers);
    const answer: Json = await response.json();
    const header = (name: string) => response.headers.get(name);
    return {
      status: response.status,
      answer,
      model: header("x-router-model"),
      pin: header("x-router-pin"),
      state: header("x-conversation-state"),
      reason: header("x-router-reason"),
      receipt: await gateway.read(`/v1/receipts/${header("x-request-id")}`),
    };
  };
  return {
    gateway,
    upstream,
    turn,
    async turns(from, to) {
      let last = await turn(from);
      for (let rounds = from + 1; rounds <= to; rounds += 1) last = await turn(rounds);
      return last;
    },
    conversation: () => gateway.read("/v1/conversations/stuck"),
  };
}

function profileFolder(t: TestContext, divergence: ConfigTree): string {
  const folder = mkdtempSync(join(tmpdir(), "fairlead-ladder-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const profiles = join(folder, "own");
  mkdirSync(profiles);
  const profile = {
    name: "LADDER",
    pin: { mode: "lock" },
    floor: "strong",
    qualityKind: "agent",
    rankBy: ["cost"],
    divergence: { mode: "correct", coolDownTurns: 1, ...divergence },
  };
  writeFileSync(join(profiles, "ladder.yaml"), JSON.stringify(profile));
  return profiles;
}
