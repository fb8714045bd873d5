// Which fault, if any, the next attempt of a request meets: the first attempt fails, later ones
// work.
// Must never keep requests: only their hashes are remembered, and a bounded number of those.

import { hash } from "node:crypto";

import { RecentKeys } from "./recent-keys.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { SimulatedFault, SimulatorModel } from "./models.ts";

/** Most failed requests remembered; one that was forgotten fails once more. */
const FAILED_REQUESTS_MAX = 5_000;

export class FaultScript {
  readonly #failed = new RecentKeys(FAILED_REQUESTS_MAX);

  /** Null: answer as usual. A client that tries again without streaming sends the same request. */
  next(model: SimulatorModel, request: ChatRequest): SimulatedFault | null {
    if (model.faults.length === 0) return null;
    const { messages, tools } = request;
    const key = hash("sha1", JSON.stringify([request.model, messages, tools ?? null]));
    if (this.#failed.has(key)) return null;
    this.#failed.add(key);
    return model.faults[Number.parseInt(key.slice(0, 6), 16) % model.faults.length] ?? null;
  }
}
