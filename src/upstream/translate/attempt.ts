// One try of a turn at a deployment that speaks another dialect than the client: asks, translates, tells how it ended.
// Must never start an answer to the client before its first content, end a cut stream cleanly, or retry by itself.

import type { CanonicalCall, CanonicalPart } from "../../turn/canonical.ts";
import type { Deployment } from "../../turn/deployment.ts";
import type { UpstreamDialect } from "../../turn/dialect.ts";
import { makeFault, type Fault } from "../../turn/fault.ts";
import type { AttemptRequest, AttemptResult } from "../attempt.ts";
import { authorize } from "../authorize.ts";
import { classifyFailure, type UpstreamFault } from "../classify.ts";
import type { CutEnd, TextWatch } from "../dialect.ts";
import type { StreamStep, UpstreamHeaders } from "../event-relay.ts";
import { basePathOf, type Route } from "../transport.ts";
import type { Platform } from "../vendors.ts";
import { askWarnings } from "./ask-warnings.ts";
import { bodyEdit } from "./body-edit.ts";
import { failureOf, requestFault } from "./failure.ts";
import { createProviderFetch, type ProviderFetch, type ProviderFetchOptions } from "./fetch.ts";
import { fitCall } from "./fit-call.ts";
import { fetchImage, withImages } from "./images.ts";
import { makeModel, type ModelCall, type TranslationModel } from "./models.ts";
import { PartRelay, type PartEncoder } from "./part-relay.ts";
import { withClientName, type ClientNames } from "./tool-names.ts";
import { joinWarnings, parameterOf } from "./warnings.ts";

/** How long a provider may keep an answer open behind its end, in milliseconds. */
const LATE_MS_MAX = 5_000;

export interface TranslationTarget {
  readonly dialect: UpstreamDialect;
  readonly deployment: Deployment;
  /** Whose API it is; null: nobody's that is known. */
  readonly vendor: string | null;
  /** Whose address it is, where that has ways of its own; null: nobody's. */
  readonly platform: Platform | null;
  readonly streamUsage: boolean;
  /** reject: what cannot be carried is a fault of the request. */
  readonly parameters: "drop" | "reject";
  /** The operator's own changes to what goes out; absent: none. */
  readonly mutateBody?: (body: Buffer) => Buffer;
  readonly route: Route;
  /** The key itself; null where the provider asks for none. */
  readonly key: string | null;
}

export interface TranslationRequest extends Pick<
  AttemptRequest,
  "sink" | "timeouts" | "answerBytesMax" | "onClientGone" | "clock" | "stream"
> {
  readonly target: TranslationTarget;
  readonly call: CanonicalCall;
  /** What reading the client's request could not carry. */
  readonly warnings: readonly string[];
  /** Headers that go upstream, without those of the provider. */
  readonly headers: Readonly<Record<string, string>>;
  readonly encoder: PartEncoder;
  /** The error body of the client's dialect. */
  readonly errorBody: (fault: Fault) => string;
  readonly watch: TextWatch | null;
}

type Ending =
  | { kind: "completed"; body: Buffer | null; terminal: Buffer | null; cut: CutEnd | null }
  | { kind: "failed"; failure: UpstreamFault }
  | { kind: "aborted" };

class TotalTimeoutError extends Error {
  readonly code = "FAIRLEAD_TOTAL_TIMEOUT";
}

/** Runs the attempt. Never rejects: every end is a result. */
export function runTranslation(request: TranslationRequest): Promise<AttemptResult> {
  return new Translation(request).run();
}

class Translation {
  readonly #request: TranslationRequest;
  readonly #result = Promise.withResolvers<AttemptResult>();
  readonly #startedMs: number;
  readonly #abort = new AbortController();
  readonly #provider: ProviderFetch;
  readonly #relay: PartRelay;
  #warnings: readonly string[];
  #clientNames: ClientNames = new Map();
  #settled = false;
  /** Waits for a client that does not read as fast as the provider sends. */
  #waiting = false;
  #waitedMs = 0;

  constructor(request: TranslationRequest) {
    this.#request = request;
    this.#startedMs = request.clock.monotonicMs();
    this.#warnings = request.warnings;
    this.#provider = createProviderFetch(fetchOptions(request));
    this.#relay = new PartRelay({
      encoder: request.encoder,
      sink: request.sink,
      watch: request.watch,
      headers: () => this.#headers(),
      warnings: (told) => joinWarnings(this.#warnings, told),
    });
  }

  run(): Promise<AttemptResult> {
    const { timeouts, onClientGone } = this.#request;
    const timer = setTimeout(() => this.#runOut(), timeouts.totalMs);
    const stopListening = onClientGone(() => this.#settle({ kind: "aborted" }));
    this.#ask().catch((error: unknown) => this.#fail(error));
    return this.#result.promise.finally(() => {
      clearTimeout(timer);
      stopListening();
    });
  }

  async #ask(): Promise<void> {
    if (this.#settled) return;
    const { target, stream } = this.#request;
    const model = await makeModel({ ...modelTarget(target), fetch: this.#provider.fetch });
    const fitted = fitCall(this.#request.call, target);
    this.#warnings = joinWarnings(this.#request.warnings, fitted.warnings);
    this.#clientNames = fitted.clientNames;
    const call = await withImages(fitted.call, {
      dialect: target.dialect,
      supportedUrls: await model.supportedUrls,
      signal: this.#abort.signal,
      fetchImage,
    });
    const asked: ModelCall = { ...call, abortSignal: this.#abort.signal };
    if (target.parameters === "reject" && (await this.#rejects(asked))) return;
    if (stream) await this.#stream(model, asked);
    else await this.#generate(model, asked);
  }

  /** True: a parameter cannot be carried, and this operator wants that to be an error. */
  async #rejects(call: ModelCall): Promise<boolean> {
    const told = await askWarnings(modelTarget(this.#request.target), call);
    const parameter = parameterOf(joinWarnings(this.#warnings, told));
    if (parameter === null) return false;
    const message =
      `\`${parameter}\` cannot be carried to this model, and its provider is configured to refuse ` +
      "such requests. Leave it out, or choose a model that speaks the dialect of your request.";
    const fault = makeFault("invalid_request", message, { param: parameter });
    this.#settle({ kind: "failed", failure: requestFault(fault) });
    return true;
  }

  async #generate(model: TranslationModel, call: ModelCall): Promise<void> {
    const result = await model.doGenerate(call);
    if (this.#settled) return;
    const content = result.content.map((part) => withClientName(part, this.#clientNames));
    const body = this.#relay.json({ ...result, content });
    this.#settle({ kind: "completed", body, terminal: null, cut: null });
  }

  async #stream(model: TranslationModel, call: ModelCall): Promise<void> {
    const { stream } = await model.doStream(call);
    const reader = stream.getReader();
    while (!this.#settled) {
      const { done, value } = await reader.read();
      if (this.#settled) return;
      const step = done ? this.#relay.finish() : this.#take(value);
      if (step.kind !== "more") {
        this.#end(step, reader);
        return;
      }
      if (!step.room) await this.#drained();
    }
  }

  #take(part: CanonicalPart): StreamStep {
    return this.#relay.take(withClientName(part, this.#clientNames));
  }

  #end(
    step: Exclude<StreamStep, { kind: "more" }>,
    reader: ReadableStreamDefaultReader<unknown>,
  ): void {
    if (step.kind === "failed") {
      // What broke below has the better words.
      const { failure } = this.#provider.notes();
      this.#settle(
        failure === null
          ? { kind: "failed", failure: step.failure }
          : { kind: "failed", failure: classifyFailure(failure, true) },
      );
      return;
    }
    if (step.kind === "cut") {
      this.#settle({ kind: "completed", body: null, terminal: null, cut: step.end });
      return;
    }
    this.#settle({ kind: "completed", body: null, terminal: step.terminal, cut: null });
    this.#readRest(reader);
  }

  /** Read to its end, a connection can serve another turn; but it must not be held for ever. */
  #readRest(reader: ReadableStreamDefaultReader<unknown>): void {
    const late = setTimeout(() => this.#abort.abort(), LATE_MS_MAX).unref();
    const rest = async (): Promise<void> => {
      while (!(await reader.read()).done);
    };
    // Behind the end nothing can go wrong any more that would matter to anybody.
    const over = (): void => clearTimeout(late);
    rest().then(over, over);
  }

  #drained(): Promise<void> {
    const { clock, sink } = this.#request;
    const sinceMs = clock.monotonicMs();
    this.#waiting = true;
    return new Promise((resolve) => {
      sink.whenDrained(() => {
        this.#waiting = false;
        this.#waitedMs += clock.monotonicMs() - sinceMs;
        resolve();
      });
    });
  }

  /** The total time is over. A provider is not to blame for a client that does not read. */
  #runOut(): void {
    const forClient = this.#waiting || this.#waitedMs * 2 >= this.#request.timeouts.totalMs;
    const late = new TotalTimeoutError("total time of the attempt is over");
    const started = this.#provider.notes().firstByteMs !== null;
    if (forClient) this.#settle({ kind: "aborted" });
    else this.#settle({ kind: "failed", failure: classifyFailure(late, started) });
  }

  #fail(error: unknown): void {
    const { stream, errorBody, clock } = this.#request;
    const unsent = this.#provider.unsent();
    if (unsent !== null) {
      this.#settle({ kind: "failed", failure: unsent });
      return;
    }
    const notes = this.#provider.notes();
    const failure = failureOf({ error, notes, stream, errorBody, now: clock.now() });
    this.#settle({ kind: "failed", failure });
  }

  #settle(end: Ending): void {
    if (this.#settled) return;
    this.#settled = true;
    const { firstByteMs, status } = this.#provider.notes();
    this.#result.resolve({
      ...end,
      summary: this.#relay.summary(),
      warnings: joinWarnings(this.#warnings, this.#relay.told),
      started: this.#relay.opened,
      firstByteMs,
      totalMs: this.#request.clock.monotonicMs() - this.#startedMs,
      headers: this.#headers(),
      status,
    });
    // A whole answer may still have a last byte to come.
    if (end.kind !== "completed" || end.cut !== null) this.#abort.abort();
  }

  /** The provider's headers, but for what tells of a body that the client does not get. */
  #headers(): UpstreamHeaders {
    const { "content-type": _type, ...others } = this.#provider.notes().headers;
    return others;
  }
}

function modelTarget(target: TranslationTarget) {
  const { dialect, deployment, vendor, platform, streamUsage, route } = target;
  const { upstreamModel: model, region } = deployment;
  const baseUrl = route.origin + basePathOf(route, dialect);
  return { dialect, model, vendor, platform, region, streamUsage, baseUrl };
}

function fetchOptions({ target, headers, call, ...request }: TranslationRequest) {
  const { route, key } = target;
  const { timeouts, answerBytesMax, stream, clock } = request;
  return {
    dispatcher: route.dispatcher,
    origin: route.origin,
    headers,
    authorize: (sent: { path: string; body: string | Buffer }) =>
      authorize(route, { method: "POST", ...sent, key }),
    stream,
    answerBytesMax,
    headersTimeoutMs: timeouts.firstByteMs,
    bodyTimeoutMs: timeouts.idleMs,
    monotonicMs: clock.monotonicMs,
    editBody: withMutation(
      bodyEdit(target.dialect, { call, most: target.deployment.maxOutputTokens }),
      target.mutateBody,
    ),
  };
}

type BodyEdit = ProviderFetchOptions["editBody"];

/** The operator has the last word. */
function withMutation(edit: BodyEdit, mutate: TranslationTarget["mutateBody"]): BodyEdit {
  if (mutate === undefined) return edit;
  return (body) => mutate(Buffer.from(edit === null ? body : edit(body))).toString("utf8");
}
