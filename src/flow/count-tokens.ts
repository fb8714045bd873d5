// Counts the tokens of a request, for clients that plan their context by it: at the provider that would answer, where
// it can count, else by a rule of thumb, and says which. It is no turn: nothing is pinned, judged, priced or recorded.

import { mutateBody } from "../api/body-rules.ts";
import { forwardedHeaders } from "../api/headers.ts";
import { makePlan, type PlannedAttempt } from "../routing/plan.ts";
import { FaultError, throwFault } from "../turn/fault.ts";
import { runAttempt, type AttemptResult } from "../upstream/attempt.ts";
import { authorize } from "../upstream/authorize.ts";
import { isErrorBody } from "../upstream/error-body.ts";
import { outboundOf, type Outbound } from "../upstream/outbound.ts";
import { basePathOf } from "../upstream/transport.ts";
import { failedBefore } from "../upstream/walk-end.ts";
import type { Target } from "../upstream/walk.ts";
import { planInput } from "./plan-input.ts";
import { defaultProfile, receiveTurn } from "./receive.ts";
import type { Call, Incoming, Stations } from "./stations.ts";

/** What the client is told: the JSON body, and whose figure or refusal it is. */
interface Counted {
  readonly status: number;
  readonly body: Buffer | string;
  readonly by: "provider" | "estimate";
}

/** Answers a request for a count. Throws a FaultError for one that cannot be read, or that nobody serves. */
export async function countTokens(stations: Stations, incoming: Incoming): Promise<void> {
  const { counting } = incoming.wire;
  if (counting === undefined) throwFault("not_found", "Tokens are not counted here.");
  const call = await receiveTurn(stations, incoming);
  const profile = call.namedProfile ?? defaultProfile(stations, "defaultProfile");
  const made = makePlan(planInput(stations, call, { profile, pin: null }));
  if (!made.ok) throw new FaultError(made.fault);
  const planned = made.plan.attempts[0] ?? null;
  const told = planned === null ? null : await askProvider(stations, call, planned);
  if (call.reply.gone()) return;
  const body = () => counting.body(counting.estimate(call.request));
  send(call, planned, told ?? { status: 200, body: body(), by: "estimate" });
}

/** Null: the provider cannot count, or does not. */
async function askProvider(
  stations: Stations,
  call: Call,
  planned: PlannedAttempt,
): Promise<Counted | null> {
  const { deployment } = planned;
  const { dialect } = call.request;
  const { platform } = stations.config.providers.find(({ id }) => id === deployment.provider) ?? {};
  const spoken = deployment.dialects.includes(dialect);
  const outbound = spoken ? outboundOf(dialect, platform ?? null) : null;
  if (outbound?.counting === undefined) return null;
  const { result } = await stations.walker.walk({
    steps: [{ planned, deployment, isExtra: false }],
    before: () => Promise.resolve(true),
    send: (target) => ask(stations, call, { target, outbound }),
    carriesNew: false,
    // Counting has limits of its own, and many servers of this dialect have no such path; and it is faster than any
    // answer: nothing of it may pass for how the model answers.
    isAside: true,
    random: stations.random,
    keyDraw: stations.random(),
    clock: stations.clock,
  });
  // What the walk hands back: a refusal that quotes a secret has lost its words there.
  return countedIn(result);
}

async function ask(
  stations: Stations,
  call: Call,
  { target, outbound }: { readonly target: Target; readonly outbound: Outbound },
): Promise<AttemptResult> {
  const { deployment, route, key } = target;
  const { request, wire } = call;
  const { upstreamModel: model } = deployment;
  const basePath = basePathOf(route, request.dialect);
  const about = { model, stream: false, search: request.search, basePath };
  const counting = outbound.counting ?? throwFault("internal", "No count can be asked for.");
  const path = basePath + counting.path(about);
  const own = request.relayBody({ model, insertions: [], askForUsage: false });
  const body = counting.fields === undefined ? own : mutateBody(own, counting.fields);
  const authorized = await authorize(route, { method: "POST", path, body, key });
  if (!authorized.ok) return failedBefore(authorized.failure);
  return runAttempt({
    dispatcher: route.dispatcher,
    path,
    headers: {
      ...outbound.headers,
      ...forwardedHeaders(call.headers, { stream: false, relayed: wire.relayedHeaders }),
      ...authorized.headers,
    },
    body,
    reader: counting.createReader(),
    stream: false,
    dropUsageEvent: false,
    sink: NO_STREAM,
    timeouts: stations.config.timeouts,
    answerBytesMax: stations.config.limits.answerBytesMax,
    clock: stations.clock,
    onClientGone: (gone) => call.reply.onGone(gone),
  });
}

/** A count never comes as a stream. */
const NO_STREAM = { open: () => undefined, write: () => true, whenDrained: () => undefined };

/** A count, or the provider's refusal of the request itself. */
function countedIn(result: AttemptResult): Counted | null {
  if (result.kind === "completed" && result.body !== null) {
    return { status: 200, body: result.body, by: "provider" };
  }
  const refusal = result.kind === "failed" ? result.failure.relay : null;
  if (refusal === null || !isErrorBody(refusal.body)) return null;
  return { status: refusal.status, body: refusal.body, by: "provider" };
}

function send(call: Call, planned: PlannedAttempt | null, counted: Counted): void {
  const headers = {
    "content-type": "application/json",
    "x-request-id": call.requestId,
    "x-router-token-count": counted.by,
    ...(planned === null ? {} : { "x-router-model": planned.deployment.id }),
  };
  call.reply.send(counted.status, headers, counted.body);
}
