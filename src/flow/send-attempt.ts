// One attempt of a turn: in which dialect this deployment is asked, and with which bytes.
// Must never choose a deployment or a key: the plan and the walk did.

import { forwardedHeaders } from "../api/headers.ts";
import type { Deployment } from "../turn/deployment.ts";
import { makeFault } from "../turn/fault.ts";
import type { BodyInsertion } from "../turn/turn-request.ts";
import { runAttempt, type AttemptRequest, type AttemptResult } from "../upstream/attempt.ts";
import { keyHeader } from "../upstream/key-header.ts";
import { outboundOf } from "../upstream/outbound.ts";
import { notTried } from "../upstream/walk-end.ts";
import type { Target } from "../upstream/walk.ts";
import type { AnswerWatch } from "./answer-watch.ts";
import type { Decision } from "./decide.ts";
import type { Call, Stations } from "./stations.ts";

export interface AttemptTurn {
  readonly call: Call;
  /** Null on the stateless path. */
  readonly decision: Decision | null;
  readonly target: Target;
  /** Looks at the text of the answer; null: nobody does. */
  readonly watch: AnswerWatch | null;
  /** Where a streamed answer goes. */
  readonly sink: AttemptRequest["sink"];
}

/** Sends the turn once. Never rejects: every end is a result. */
export function sendAttempt(stations: Stations, turn: AttemptTurn): Promise<AttemptResult> {
  const { call, target } = turn;
  const { request, wire } = call;
  const { deployment, route, key } = target;
  const outbound = deployment.dialects.includes(request.dialect)
    ? outboundOf(request.dialect)
    : null;
  if (outbound === null) return Promise.resolve(notTried(NOT_SPOKEN));
  const { model } = deployment;
  const { stream, search } = request;
  return runAttempt({
    dispatcher: route.dispatcher,
    path: route.pathPrefix + outbound.path({ model, stream, search }),
    headers: {
      ...forwardedHeaders(call.headers, { stream, relayed: wire.relayedHeaders }),
      ...keyHeader(route.provider.keyHeader, key),
      ...route.provider.headers,
    },
    body: request.relayBody({
      model,
      askForUsage: !stations.withoutUsageEvent.has(deployment.provider),
      insertions: insertionsFor(turn, deployment),
    }),
    reader: outbound.createReader(turn.watch?.begin() ?? null),
    stream,
    dropUsageEvent: stream && !request.wantsUsageEvent,
    sink: turn.sink,
    timeouts: stations.config.timeouts,
    answerBytesMax: stations.config.limits.answerBytesMax,
    clock: stations.clock,
    onClientGone: (gone) => call.reply.onGone(gone),
  });
}

const NOT_SPOKEN = makeFault(
  "upstream_model_missing",
  "This model cannot be asked in the dialect of your request. Choose another model.",
);

/** The notes this deployment gets, each where its model takes it. */
export function insertionsFor(
  { decision, target }: Pick<AttemptTurn, "decision" | "target">,
  deployment: Deployment,
): readonly BodyInsertion[] {
  const asked = decision?.asked ?? null;
  const insertions = asked?.insertions ?? [];
  const wanted = target.withNew
    ? insertions
    : insertions.filter((insertion) => insertion.correction !== asked?.correction?.id);
  return wanted.map((insertion) => ({
    index: insertion.index,
    text: insertion.text,
    // Another model may not take it where it stood: then it is placed anew.
    place: insertion.model === deployment.model ? insertion.place : deployment.correctionPlace,
  }));
}
