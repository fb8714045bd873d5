// Tries one provider with each of its keys: first its list of models, then one tiny question.
// Must never hold a key in a result: keys are called by their position.

import type { ProviderConfig } from "./config-providers.ts";
import { diagnose, type Diagnosis, type Finding, type Tried } from "./doctor-diagnosis.ts";
import { blendedPrice } from "./routing/rank.ts";
import type { Deployment } from "./turn/deployment.ts";
import { EMBEDDINGS } from "./turn/dialect.ts";
import { isAnswer, namesIn, probeOf, sendProbe, type ProbeOutcome } from "./upstream/probe.ts";
import type { Route } from "./upstream/transport.ts";
import { asksByModel, type Dialect } from "./upstream/vendors.ts";

/** Longest wait for an answer to begin, and for one request as a whole, in milliseconds. */
const HEADERS_MS = 20_000;
const TOTAL_MS = 30_000;
/** Most models named in one note. */
const NAMED_MAX = 5;

export interface Check {
  readonly provider: string;
  /** 1 for the first; null where the provider has none. */
  readonly key: number | null;
  readonly ok: boolean;
  /** `untried`: nothing was sent. */
  readonly finding: Finding | "untried";
  readonly words: string;
  /** The model that was asked. */
  readonly model: string | null;
  readonly milliseconds: number | null;
  readonly notes: readonly string[];
}

export interface Patient {
  readonly provider: ProviderConfig;
  readonly route: Route;
  /** Of this provider. */
  readonly deployments: readonly Deployment[];
  /** Ids of the models the operator listed, as sent upstream. */
  readonly written: readonly string[];
}

export interface Surroundings {
  readonly now: () => number;
  readonly monotonicMs: () => number;
}

/** One check for each key, one after the other. */
export async function examine(patient: Patient, around: Surroundings): Promise<readonly Check[]> {
  const { keys } = patient.provider;
  const checks: Check[] = [];
  for (const [position, key] of (keys.length === 0 ? [null] : keys).entries()) {
    const name = key === null ? null : position + 1;
    checks.push(await examineKey(patient, { key, name }, around));
  }
  return checks;
}

interface KeyInHand {
  readonly key: string | null;
  readonly name: number | null;
}

type Told = Pick<Check, "finding" | "words"> & Partial<Check>;

async function examineKey(
  patient: Patient,
  { key, name }: KeyInHand,
  around: Surroundings,
): Promise<Check> {
  const { provider, route } = patient;
  const say = (told: Told): Check => ({
    provider: provider.id,
    key: name,
    ok: told.finding === "ok",
    model: null,
    milliseconds: null,
    notes: [],
    ...told,
  });
  const dialect = askedDialect(patient);
  const probe = probeOf(dialect, route);
  if (probe === null) {
    const words = `Providers that speak ${dialect} cannot be tried yet.`;
    return say({ finding: "untried", words, ok: true });
  }
  const options = {
    dialect,
    key,
    headersMs: HEADERS_MS,
    totalMs: TOTAL_MS,
    monotonicMs: around.monotonicMs,
  };
  const tried: Tried = {
    origin: new URL(provider.baseUrl ?? "http://localhost").origin,
    model: null,
    listed: false,
    secrets: [
      ...provider.keys,
      ...Object.values(provider.headers),
      ...(route.signer?.secrets() ?? []),
    ],
    waitMs: HEADERS_MS,
    now: around.now(),
  };
  const listed = probe.list === null ? null : await sendProbe(route, probe.list, options);
  const fatal = listed === null ? null : fatalOf(listed, tried);
  if (fatal !== null) return say(fatal);
  const names = listed?.kind === "answered" ? namesIn(probe, listed.body) : null;
  const { model, notes } = chooseModel(patient, dialect, names);
  if (model === null) {
    const words = "It answers, but there is no model to ask: list one under its models.";
    return say({ finding: "untried", words, ok: true, notes });
  }
  let answer: ProbeOutcome | null = null;
  for (const question of probe.ask(model)) {
    answer = await sendProbe(route, question, options);
    if (answer.kind === "broken" || answer.status !== 400) break;
  }
  if (answer?.kind === "answered" && answer.status === 200 && isAnswer(probe, answer.body)) {
    const milliseconds = Math.round(answer.milliseconds);
    const words = `${model} answered in ${milliseconds} ms.`;
    return say({ finding: "ok", words, model, milliseconds, notes });
  }
  if (answer === null) return say({ finding: "untried", words: "Nothing was asked.", notes });
  const diagnosis = diagnose(answer, { ...tried, model, listed: names !== null });
  return say({ ...diagnosis, model, notes });
}

/** A list that fails for a reason that the question would fail for too. */
function fatalOf(listed: ProbeOutcome, tried: Tried): Diagnosis | null {
  if (listed.kind === "broken") return diagnose(listed, tried);
  if (listed.status < 400) return null;
  const diagnosis = diagnose(listed, tried);
  // Many servers have no list, or keep it from keys that may well ask a model.
  return diagnosis.finding === "key" || diagnosis.finding === "billing" ? diagnosis : null;
}

/** A platform is asked in the dialect of its cheapest model, any other provider in the one it speaks first. */
function askedDialect({ provider, deployments }: Patient): Dialect {
  if (!asksByModel(provider.platform)) return provider.dialect;
  const spoken = byPrice(deployments).flatMap(({ dialects }) => dialects);
  return spoken.find((name) => name !== EMBEDDINGS) ?? provider.dialect;
}

function byPrice(deployments: readonly Deployment[]): readonly Deployment[] {
  return deployments.toSorted((left, right) => blendedPrice(left) - blendedPrice(right));
}

interface Choice {
  readonly model: string | null;
  readonly notes: readonly string[];
}

/** The cheapest configured model that the provider lists; without a list, the cheapest configured. */
function chooseModel(
  { deployments, written }: Patient,
  dialect: Dialect,
  names: readonly string[] | null,
): Choice {
  const cheapest = byPrice(deployments)
    .filter(({ dialects }) => dialects.some((spoken) => spoken === dialect))
    .map(({ upstreamModel }) => upstreamModel);
  const missing = names === null ? [] : written.filter((model) => !names.includes(model));
  const shown = missing.slice(0, NAMED_MAX).join(", ");
  const more = missing.length > NAMED_MAX ? ", …" : "";
  const notes = missing.length === 0 ? [] : [`its list of models does not hold ${shown}${more}`];
  const known = names === null ? cheapest : cheapest.filter((model) => names.includes(model));
  return { model: known[0] ?? cheapest[0] ?? names?.[0] ?? null, notes };
}
