// The scene of the clients that speak the Messages dialect: a gateway with two equal models behind it, and a provider
// of that dialect that goes by a script. Must never let a client reach a host but this machine.

import type { TestContext } from "node:test";
import { model, provider, startGateway, type TestGateway } from "../../support/gateway.ts";
import {
  startDialectUpstream,
  type DialectUpstream,
  type DialectUpstreamOptions,
} from "../../support/dialects/scripted-upstream.ts";
import { oneTool, text, until, type Script } from "../../support/dialects/step.ts";
import { FINAL_TEXT, MODEL, TOOL } from "./scene.ts";

/** What a correction begins with. */
export const MARKER = "[fairlead]";

export interface MessagesScene {
  readonly gateway: TestGateway;
  readonly upstream: DialectUpstream;
}

/** Repeats its tool call until it reads a correction. */
export const stubbornScript: Script = until(
  MARKER,
  oneTool(TOOL.name, { city: "Bern" }),
  text(FINAL_TEXT),
);

/** Starts upstream and gateway; both end with the test. The upstream refuses what a real one would refuse. */
export async function startMessagesScene(
  t: TestContext,
  script: Script = stubbornScript,
  options: DialectUpstreamOptions & { readonly place?: string } = {},
): Promise<MessagesScene> {
  const { place, ...others } = options;
  const upstream = await startDialectUpstream("anthropic-messages", script, {
    refusesFaults: true,
    ...others,
  });
  t.after(() => upstream.close());
  const about = place === undefined ? {} : { correctionPlace: place };
  const models = [
    model("first", { model: "first-1", ...about }),
    model("second", { model: "second-1", ...about }),
  ];
  const dialect = "anthropic-messages";
  const gateway = await startGateway(t, {
    providers: [
      provider("lab", upstream, { models, dialect }),
      // The same host, known by an address without a version.
      provider("spare", { baseUrl: upstream.url }, { models, dialect }),
    ],
    logicalModels: { [MODEL]: [{ to: "lab/first" }, { to: "lab/second" }] },
  });
  return { gateway, upstream };
}
