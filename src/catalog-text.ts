// The catalog in plain text: one line a model, or everything that is known of one.
// Pure. Must never leave out where a figure comes from.

import { YOURS, type ModelView, type PlaceView, type RatingView } from "./catalog-view.ts";
import type { Price, PriceTier, QualityKind } from "./turn/deployment.ts";

export interface ModelLine {
  readonly model: string;
  readonly places: readonly PlaceView[];
  readonly quality: readonly RatingView[];
}

const NAME_COLUMNS = 36;
const PRICE_COLUMNS = 24;

/** One line a model. `*` before a name: configured; `*` behind a rating: the mean of the other kinds. */
export function renderList(lines: readonly ModelLine[]): string {
  const head = `  ${"model".padEnd(NAME_COLUMNS)}${"USD/M in/out".padEnd(PRICE_COLUMNS)}quality; served by`;
  const rows = lines.map(({ model, places, quality }) => {
    const mark = places.some(({ configuredAs }) => configuredAs !== null) ? "* " : "  ";
    const vendors = [...new Set(places.map((place) => place.vendor ?? place.configuredAs ?? ""))];
    const rated = quality.flatMap((rating) => (rating.value === null ? [] : [shortRating(rating)]));
    const words = rated.length === 0 ? "not rated" : rated.join(" ");
    const price = priceRange(places).padEnd(PRICE_COLUMNS - 2);
    return `${mark}${model.padEnd(NAME_COLUMNS - 2)}  ${price}  ${words}; ${vendors.join(", ")}`;
  });
  return `${[head, ...rows].join("\n")}\n`;
}

/** Everything about one model. */
export function renderModel({ model, places, quality, qualityFrom }: ModelView): string {
  const own = places.flatMap(({ configuredAs, ownQuality }) =>
    configuredAs === null || ownQuality === null
      ? []
      : [`  at ${configuredAs} yours count instead: ${renderOwn(ownQuality)}  [${YOURS}]`],
  );
  const lines = [
    model,
    "",
    "served by",
    ...places.flatMap(renderPlace),
    "",
    `quality, 0 … 1: the lower bound counts (${qualityFrom})`,
    ...quality.flatMap(renderRating),
    ...own,
  ];
  return `${lines.join("\n")}\n`;
}

function renderPlace(place: PlaceView): readonly string[] {
  const { configuredAs, vendor, upstreamModel, listed, otherPrice } = place;
  const name = configuredAs ?? `${vendor ?? ""} ${upstreamModel}`;
  const marks = [
    configuredAs === null ? "not configured" : "configured",
    configuredAs !== null && !configuredAs.endsWith(`/${upstreamModel}`)
      ? `sent as ${upstreamModel}`
      : "",
    listed ? "" : "known by its price: list it or name it to use it",
  ].filter((mark) => mark !== "");
  return [
    `  ${name}  (${marks.join("; ")})`,
    ...renderPrice(place),
    ...(otherPrice === null
      ? []
      : [`    elsewhere  ${otherPrice.input} in, ${otherPrice.output} out: the sources differ`]),
    `    context    ${renderKnown(place.contextTokens, (tokens) => `${tokens} tokens`)}`,
    `    answer     ${renderKnown(place.maxOutputTokens, (tokens) => `at most ${tokens} tokens`)}`,
    `    abilities  ${renderKnown(place.capabilities, renderAbilities)}`,
  ];
}

function renderAbilities(abilities: readonly string[]): string {
  return abilities.length === 0 ? "none of tools, vision, json" : abilities.join(", ");
}

function renderPrice({ price }: PlaceView): readonly string[] {
  const { value, from } = price;
  if (value === null) return ["    price      unknown: its turns are recorded without a cost"];
  return [
    `    price      ${renderRates(value)}, USD per million tokens  [${from ?? ""}]`,
    ...(value.tiers ?? []).map(
      (tier) => `               above ${tier.above} input tokens: ${renderRates(tier)}`,
    ),
  ];
}

function renderRates(rates: Price | PriceTier): string {
  const { input, output, cacheRead, cacheWrite, cacheWriteHour } = rates;
  const parts = [
    `${input} in`,
    `${output} out`,
    cacheRead === null ? "" : `${cacheRead} cache read`,
    cacheWrite === null ? "" : `${cacheWrite} cache write`,
    cacheWriteHour === null || cacheWriteHour === undefined ? "" : `${cacheWriteHour} for an hour`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function renderKnown<Value>(
  { value, from }: { readonly value: Value | null; readonly from: string | null },
  write: (value: Value) => string,
): string {
  return value === null ? "unknown" : `${write(value)}  [${from ?? ""}]`;
}

function renderRating(rating: RatingView): readonly string[] {
  const { kind, value, provenance, score, count, observations } = rating;
  const name = kind.padEnd(8);
  if (value === null) return [`  ${name} not rated: not eligible where a profile has a floor`];
  if (provenance === "proxy")
    return [`  ${name} ${value.toFixed(2)}  proxy: mean of the other kinds`];
  const times = `${count} observation${count === 1 ? "" : "s"}`;
  return [
    `  ${name} ${value.toFixed(2)}  estimate ${score?.toFixed(2) ?? ""} of ${times}`,
    ...observations.map(
      ({ bench, value: measured, date, url }) =>
        `           ${bench} ${Number(measured.toFixed(4))}  ${date ?? "no date"}  ${url}`,
    ),
  ];
}

function renderOwn(quality: Readonly<Partial<Record<QualityKind, number>>>): string {
  return Object.entries(quality)
    .map(([kind, value]) => `${kind} ${value.toFixed(2)}`)
    .join(", ");
}

function shortRating({ kind, value, provenance }: RatingView): string {
  return `${kind} ${value?.toFixed(2) ?? ""}${provenance === "proxy" ? "*" : ""}`;
}

function priceRange(places: readonly PlaceView[]): string {
  const prices = places.flatMap(({ price }) => (price.value === null ? [] : [price.value]));
  if (prices.length === 0) return "unknown";
  return `${range(prices.map(({ input }) => input))} / ${range(prices.map(({ output }) => output))}`;
}

function range(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(short);
  return least === most ? String(least) : `${least}–${most}`;
}

function short(value: number): number {
  return Number(value.toPrecision(4));
}
