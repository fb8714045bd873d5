// One attempt of a turn: in which dialect this deployment is asked, and with which bytes.
// Must never choose a deployment or a key: the plan and the walk did.

import { mutateBody } from "../api/body-rules.ts";
import { forwardedHeaders } from "../api/headers.ts";
import type { ProviderConfig } from "../config-providers.ts";
import type { Deployment } from "../turn/deployment.ts";
import { EMBEDDINGS, type UpstreamDialect } from "../turn/dialect.ts";
import { FaultError, makeFault } from "../turn/fault.ts";
import type { BodyChanges, BodyInsertion } from "../turn/turn-request.ts";
import { runAttempt, type AttemptRequest, type AttemptResult } from "../upstream/attempt.ts";
import { authorize } from "../upstream/authorize.ts";
import { outboundOf, type Outbound } from "../upstream/outbound.ts";
import { runTranslation } from "../upstream/translate/attempt.ts";
import { requestFault } from "../upstream/translate/failure.ts";
import { TRANSLATED_DIALECTS } from "../upstream/translate/models.ts";
import { basePathOf } from "../upstream/transport.ts";
import { failedBefore, notTried } from "../upstream/walk-end.ts";
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

/** Sends the turn once: in the client's own dialect where the deployment speaks it. Never rejects. */
export async function sendAttempt(stations: Stations, turn: AttemptTurn): Promise<AttemptResult> {
  const { deployment, route } = turn.target;
  const result = await sendSpoken(stations, turn, deployment);
  // What was signed with is not taken: the next attempt must not rest on what is kept of it.
  if (result.kind === "failed" && result.failure.quarantine) route.signer?.forget();
  return result;
}

function sendSpoken(
  stations: Stations,
  turn: AttemptTurn,
  deployment: Deployment,
): Promise<AttemptResult> {
  const { request } = turn.call;
  const { dialects } = deployment;
  const { platform = null } = providerOf(stations, deployment) ?? {};
  const outbound = dialects.includes(request.dialect)
    ? outboundOf(request.dialect, platform)
    : null;
  if (outbound !== null) return relayTurn(stations, turn, outbound);
  const dialect = dialects.find((name) => TRANSLATED_DIALECTS.includes(name));
  return dialect === undefined
    ? Promise.resolve(notTried(NOT_SPOKEN))
    : translateTurn(stations, turn, dialect);
}

async function relayTurn(
  stations: Stations,
  turn: AttemptTurn,
  outbound: Outbound,
): Promise<AttemptResult> {
  const { call, target } = turn;
  const { request, wire } = call;
  const { deployment, route, key } = target;
  const { upstreamModel: model } = deployment;
  const { stream, search } = request;
  const basePath = basePathOf(route, request.dialect);
  const path = basePath + outbound.path({ model, stream, search, basePath });
  const ours = ruled(stations, turn, {
    model,
    askForUsage: !stations.withoutUsageEvent.has(deployment.provider),
    insertions: insertionsFor(turn, deployment),
  });
  const body = outbound.fields === undefined ? ours : mutateBody(ours, outbound.fields);
  const authorized = await authorize(route, { method: "POST", path, body, key });
  if (!authorized.ok) return failedBefore(authorized.failure);
  return runAttempt({
    dispatcher: route.dispatcher,
    path,
    headers: {
      ...outbound.headers,
      ...forwardedHeaders(call.headers, { stream, relayed: wire.relayedHeaders }),
      ...authorized.headers,
    },
    body,
    reader: outbound.createReader(turn.watch?.begin() ?? null),
    stream,
    dropUsageEvent: stream && !request.wantsUsageEvent,
    ...surroundings(stations, turn),
  });
}

/** The client's request with our changes, and the operator's for this provider. */
function ruled(stations: Stations, { call, target }: AttemptTurn, changes: BodyChanges): Buffer {
  const { request } = call;
  const body = request.relayBody(changes);
  const { bodyRules = null } = providerOf(stations, target.deployment) ?? {};
  // The rules are about answers of models; a vector has none of these fields.
  return bodyRules === null || request.dialect === EMBEDDINGS ? body : mutateBody(body, bodyRules);
}

function providerOf({ config }: Stations, { provider }: Deployment): ProviderConfig | undefined {
  return config.providers.find(({ id }) => id === provider);
}

function surroundings({ config, clock }: Stations, { call, sink }: AttemptTurn) {
  return {
    sink,
    timeouts: config.timeouts,
    answerBytesMax: config.limits.answerBytesMax,
    clock,
    onClientGone: (gone: () => void) => call.reply.onGone(gone),
  };
}

/** Asks in another dialect than the client's: its request, corrections in place, is read and written anew. */
async function translateTurn(
  stations: Stations,
  turn: AttemptTurn,
  dialect: UpstreamDialect,
): Promise<AttemptResult> {
  const { call, target } = turn;
  const { request, wire, requestId } = call;
  const { deployment, route, key } = target;
  const { codec } = wire;
  if (codec === null) return notTried(NOT_SPOKEN);
  const { upstreamModel: model, provider } = deployment;
  const insertions = insertionsFor(turn, deployment);
  const body = request.relayBody({ model, askForUsage: false, insertions, forTranslation: true });
  const { stream, wantsUsageEvent: wantsUsage } = request;
  const created = Math.floor(call.at / 1000);
  try {
    const decoded = codec.decode(JSON.parse(body.toString("utf8")));
    const written = providerOf(stations, deployment);
    const bodyRules = written?.bodyRules ?? null;
    return await runTranslation({
      ...decoded,
      target: {
        dialect,
        deployment,
        vendor: written?.vendor ?? null,
        platform: written?.platform ?? null,
        streamUsage: !stations.withoutUsageEvent.has(provider),
        parameters: written?.parameters ?? "drop",
        ...(bodyRules === null ? {} : { mutateBody: (sent) => mutateBody(sent, bodyRules) }),
        route,
        key,
      },
      headers: forwardedHeaders(call.headers, { stream, relayed: [] }),
      stream,
      encoder: codec.createEncoder({
        requestId,
        model,
        created,
        wantsUsage,
        renamedTools: decoded.renamedTools,
      }),
      errorBody: (fault) => wire.errorBody(fault, requestId),
      watch: turn.watch?.begin() ?? null,
      ...surroundings(stations, turn),
    });
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    // The request cannot be put into another dialect at all.
    return failedBefore(requestFault(error.fault));
  }
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
