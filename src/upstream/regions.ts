// Where Bedrock's models can be asked: region groups, exact regions, and a model's name in each of them. Pure.
// Must never widen a region: what is pinned to a geography is asked there or not at all.

/** A region as an operator writes it. */
export interface BedrockRegion {
  /** As deployments and receipts call it: `global`, `eu`, `eu-central-1`. */
  readonly name: string;
  /** Inference profiles that stay within it, the best one first; none for an exact region. */
  readonly profiles: readonly string[];
  /** The AWS region that is asked, and signed for. */
  readonly source: string;
  /** The narrowest group it lies in, for what is the same all over that; null: none is known. */
  readonly group: string | null;
}

/** Groups of regions that have inference profiles, and the region that is asked for each unless told otherwise. */
const GROUPS: Readonly<Record<string, string>> = {
  global: "us-east-1",
  us: "us-east-1",
  eu: "eu-central-1",
  apac: "ap-northeast-1",
  jp: "ap-northeast-1",
  au: "ap-southeast-2",
  ca: "ca-central-1",
  "us-gov": "us-gov-west-1",
};

/** The narrower group that a region lies in, beside the group it is named by. */
const NARROWER: readonly (readonly [source: RegExp, group: string])[] = [
  [/^us-(?!gov-)/, "us"],
  [/^eu-/, "eu"],
  [/^ap-northeast-[13]$/, "jp"],
  [/^ap-southeast-[24]$/, "au"],
  [/^ca-/, "ca"],
];

const EXACT = /^[a-z]{2,5}(?:-[a-z]{2,5})?-[a-z]{4,12}-\d$/;

/** Partitions with a name of their own in addresses. */
const SUFFIXES: readonly (readonly [region: RegExp, suffix: string])[] = [
  [/^cn-/, "amazonaws.com.cn"],
  [/^eusc-/, "amazonaws.eu"],
];

export const REGION_HELP =
  `expected ${Object.keys(GROUPS).join(", ")} or a region like eu-central-1; ` +
  "eu@eu-west-1 says where eu is asked";
export const DEFAULT_REGION = "global";

/**
 * `global`, a group, an exact region, or a group with the region that is asked: `eu@eu-west-1`.
 * Null: it is none, or its region lies outside its group.
 */
export function readBedrockRegion(text: string): BedrockRegion | null {
  const [name = "", written, ...rest] = text.split("@");
  if (rest.length > 0) return null;
  const usual = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
  if (usual === undefined) {
    const isExact = written === undefined && EXACT.test(name);
    return isExact ? { name, profiles: [], source: name, group: narrowest(name) } : null;
  }
  const source = written ?? usual;
  if (!EXACT.test(source) || !contains(name, source)) return null;
  const group = narrowest(source);
  const narrower = name === "global" || name === "apac" ? [group ?? name] : [];
  return { name, profiles: [...new Set([name, ...narrower])], source, group };
}

function narrowest(source: string): string | null {
  return NARROWER.find(([region]) => region.test(source))?.[1] ?? null;
}

/** Whether a group holds a region. `apac` holds Japan and Australia too. */
function contains(group: string, source: string): boolean {
  if (group === "global") return !source.startsWith("us-gov-") && !source.startsWith("cn-");
  if (group === "apac") return source.startsWith("ap-");
  if (group === "us-gov") return source.startsWith("us-gov-");
  return narrowest(source) === group;
}

/** Base URL of the runtime in a region. */
export function bedrockUrl({ source }: BedrockRegion): string {
  const suffix = SUFFIXES.find(([region]) => region.test(source))?.[1] ?? "amazonaws.com";
  return `https://bedrock-runtime.${source}.${suffix}`;
}

const PROFILE = new RegExp(String.raw`^(${Object.keys(GROUPS).join("|")})\.(?=[a-z0-9-]+\.)`);

export interface ModelName {
  /** The inference profile in front of it; null: none. */
  readonly profile: string | null;
  /** Name of the model itself: `anthropic.claude-sonnet-5`. */
  readonly base: string;
}

export function splitModelName(name: string): ModelName {
  const profile = PROFILE.exec(name)?.[1] ?? null;
  return { profile, base: profile === null ? name : name.slice(profile.length + 1) };
}

/**
 * What a model is called in a region. A profile that an operator wrote stays where it is within the region, and tells
 * everywhere else that the model has profiles. `known`: profiles that are known of it. Names of resources (`arn:…`)
 * stay. Null: it has profiles, and none of them stays within the region.
 */
export function nameInRegion(
  written: string,
  region: BedrockRegion,
  known: readonly string[],
): string | null {
  if (written.startsWith("arn:")) return written;
  const { profile, base } = splitModelName(written);
  const [own] = region.profiles;
  if (own === undefined) return base;
  if (profile !== null && isWithin(profile, own)) return written;
  const usable = region.profiles.find((name) => known.includes(name));
  if (usable !== undefined) return `${usable}.${base}`;
  // Written for elsewhere: this region has the same kind of profile, or the platform will say that it has not.
  if (profile !== null) return `${own}.${base}`;
  return known.length === 0 ? base : null;
}

/** Whether a name that says where it is served (`eu.anthropic…`) may be served in a region. Names that do not, may. */
export function mayServe(name: string, { profiles: [own] }: BedrockRegion): boolean {
  const { profile } = splitModelName(name);
  return profile === null || (own !== undefined && isWithin(profile, own));
}

function isWithin(inner: string, outer: string): boolean {
  if (inner === outer || outer === "global") return true;
  return outer === "apac" && (inner === "jp" || inner === "au");
}
