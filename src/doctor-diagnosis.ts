// What is wrong with a provider, in words that say what to do about it.
// Pure. Must never repeat what a provider wrote in free text: it may quote the key.

import { classifyRefusal } from "./upstream/classify.ts";
import { readErrorBody } from "./upstream/error-body.ts";
import type { ProbeOutcome } from "./upstream/probe.ts";
import { AccessError } from "./upstream/signing/signer.ts";

export type Finding =
  | "ok"
  | "key"
  | "forbidden"
  | "billing"
  | "rate-limit"
  | "model"
  | "address"
  | "dns"
  | "connection"
  | "tls"
  | "guard"
  | "timeout"
  | "overloaded"
  | "refused-request"
  | "no-answer";

export interface Diagnosis {
  readonly finding: Finding;
  /** One or two sentences. */
  readonly words: string;
}

export interface Tried {
  /** `https://host:port` of the provider. */
  readonly origin: string;
  /** The model that was asked; null while the list of models was asked for. */
  readonly model: string | null;
  /** True: it has answered with its list of models, so its address is right. */
  readonly listed: boolean;
  /** The secrets of this provider: a name that holds one is not repeated. */
  readonly secrets: readonly string[];
  /** Longest wait for an answer, in milliseconds. */
  readonly waitMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Certificates that this machine does not trust, or that are not for this host. */
const CERTIFICATE_CODES =
  /^(?:CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|HOSTNAME_MISMATCH)/;
const TLS_CODES = /^(?:EPROTO|ERR_SSL_|ERR_TLS_)/;
const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_ABORTED",
  "ABORT_ERR",
]);

/** What an outcome other than a good answer means. */
export function diagnose(outcome: ProbeOutcome, tried: Tried): Diagnosis {
  return outcome.kind === "broken"
    ? diagnoseBroken(outcome.error, tried)
    : diagnoseRefusal(outcome, tried);
}

/** Below HTTP: no answer came at all. */
function diagnoseBroken(error: Error, { origin, waitMs }: Tried): Diagnosis {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const host = new URL(origin).host;
  const say = (finding: Finding, words: string): Diagnosis => ({ finding, words });
  if (error instanceof AccessError) {
    return say(error.failure.scope === "key" ? "key" : "connection", error.message);
  }
  if (code === "ENOTFOUND" || code === "EAI_NONAME") {
    return say("dns", `The host ${host} is not found. Check the spelling in baseUrl.`);
  }
  if (code === "EAI_AGAIN") {
    return say("dns", `The name ${host} cannot be looked up: this machine's DNS does not answer.`);
  }
  if (code === "EADDRREFUSED") {
    // Our own words, from the guard: they hold no address and no secret.
    return say("guard", `The address guard refuses it: ${error.message}.`);
  }
  if (CERTIFICATE_CODES.test(code)) {
    const words =
      `The certificate of ${host} is not trusted (${code}). For an authority of your own, ` +
      "name its file in NODE_EXTRA_CA_CERTS; otherwise check the host and this machine's clock.";
    return say("tls", words);
  }
  if (TLS_CODES.test(code)) {
    const words = `TLS with ${host} fails (${code}). Does it speak http:// rather than https://?`;
    return say("tls", words);
  }
  if (code === "ECONNREFUSED") {
    return say(
      "connection",
      `Nothing listens at ${host}. Is the server running, is the port right?`,
    );
  }
  if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT") {
    return say("timeout", `${host} does not accept a connection in time. A firewall or a proxy?`);
  }
  if (TIMEOUT_CODES.has(code) || error.name === "TimeoutError") {
    return say("timeout", `${host} takes the request but sends no answer in ${waitMs / 1_000} s.`);
  }
  if (code.startsWith("HPE_")) {
    return say("address", `What listens at ${host} does not speak HTTP. Is it https:// instead?`);
  }
  const words = `The connection to ${host} breaks off (${code === "" ? error.name : code}).`;
  return say("connection", words);
}

type Answered = Extract<ProbeOutcome, { kind: "answered" }>;

function diagnoseRefusal(answer: Answered, tried: Tried): Diagnosis {
  const { status, header, body } = answer;
  const said = `(${[String(status), ...namesOf(body, tried)].join(", ")})`;
  const say = (finding: Finding, words: string): Diagnosis => ({ finding, words });
  if (status < 300) {
    return say("address", "Something answers, but not this API. Check baseUrl and dialect.");
  }
  if (status < 400) {
    return say(
      "address",
      `It answers with a redirect ${said}. Write the final address in baseUrl.`,
    );
  }
  const { fault, retryAfterMs } = classifyRefusal({
    status,
    header,
    body,
    whole: true,
    now: tried.now,
  });
  switch (fault.code) {
    case "upstream_billing":
      return say("billing", `The account has no credit or no billing ${said}. Settle it there.`);
    case "upstream_rate_limited":
      return say(
        "rate-limit",
        `The key works, but its rate is used up ${said}.${again(retryAfterMs)}`,
      );
    case "upstream_rejected_key":
      return status === 403
        ? forbidden(said)
        : say("key", `The key is refused ${said}. Check it, and that it belongs to this provider.`);
    case "upstream_model_missing":
      return missing(tried, { said, isNamed: /model_?not_?found/i.test(said) });
    case "upstream_timeout":
      return say("timeout", `It took too long, by its own word ${said}. Try again.`);
    case "upstream_overloaded":
      return say("overloaded", `It is overloaded ${said}. Try again in a while.`);
    case "upstream_invalid_request":
      // Nothing in so small a request could be forbidden: it is about the account.
      return status === 403 ? forbidden(said) : say("refused-request", refusedRequest(said));
    default:
      return say("no-answer", `It fails by itself ${said}. Try again in a while.`);
  }
}

function forbidden(said: string): Diagnosis {
  const words = `The key may not do this ${said}. Check it, its permissions, project and region.`;
  return { finding: "forbidden", words };
}

function refusedRequest(said: string): string {
  return `Key and address work, but it refuses the tiny request ${said}.`;
}

/** Without a list of models or a word about them to go by, a 404 may mean either. */
function missing(
  { model, listed }: Tried,
  { said, isNamed }: { readonly said: string; readonly isNamed: boolean },
): Diagnosis {
  if (model !== null && (listed || isNamed)) {
    const words = `It does not know the model ${model} for this key ${said}.`;
    return { finding: "model", words };
  }
  const what = model === null ? "" : ` or the model ${model}`;
  return { finding: "address", words: `It does not know the path${what} ${said}. Check baseUrl.` };
}

function again(retryAfterMs: number | null): string {
  return retryAfterMs === null
    ? ""
    : ` It says: try again in ${Math.ceil(retryAfterMs / 1_000)} s.`;
}

/** The provider's own names for the error, each one word, without any that hold a secret. */
function namesOf(body: Buffer, { secrets }: Tried): readonly string[] {
  const names = readErrorBody(body).names.filter(
    (name) => !secrets.some((secret) => name.includes(secret) || secret.includes(name)),
  );
  return [...new Set(names)];
}
