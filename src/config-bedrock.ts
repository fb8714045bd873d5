// What the environment says of Bedrock: the usual credentials of AWS where there is no file, and the region that
// overrides all others. Must never put a variable's value into a message, but for the name of a region.

import { formatPath } from "./config-faults.ts";
import { findVendor } from "./upstream/vendors.ts";
import { DEFAULT_REGION, readBedrockRegion } from "./upstream/regions.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Tree = Readonly<Record<string, unknown>>;

/** Holds Bedrock's traffic in one geography, whatever the file says: a group, a region, or several with commas. */
const REGION_VARIABLE = "LLM_AWS_BEDROCK_REGION";
/** Where this machine's AWS account is used; Bedrock's default group is then asked from there. */
const USUAL_REGION_VARIABLES = ["AWS_REGION", "AWS_DEFAULT_REGION"] as const;

const CREDENTIALS = [
  ["accessKeyId", "AWS_ACCESS_KEY_ID"],
  ["secretAccessKey", "AWS_SECRET_ACCESS_KEY"],
  ["sessionToken", "AWS_SESSION_TOKEN"],
] as const;
const BEARER_VARIABLE = "AWS_BEARER_TOKEN_BEDROCK";

export interface DiscoveredBedrock {
  readonly entry: Readonly<Record<string, unknown>>;
  /** Fields of the entry, and the variables they came from. */
  readonly sources: readonly (readonly [field: readonly string[], variable: string])[];
  readonly variable: string;
}

/** Null: the environment holds no credentials. A bearer key goes before an access key: it is Bedrock's own. */
export function discoverBedrock(environment: Environment): DiscoveredBedrock | null {
  const value = (name: string): string => (environment[name] ?? "").trim();
  const usual = USUAL_REGION_VARIABLES.map(value).find((region) => region !== "") ?? "";
  const place = usual === "" ? {} : { region: regionFrom(usual) };
  const bearer = value(BEARER_VARIABLE);
  if (bearer !== "") {
    const sources = [[["keys", "0"], BEARER_VARIABLE]] as const;
    return { entry: { keys: [bearer], ...place }, sources, variable: BEARER_VARIABLE };
  }
  const given = CREDENTIALS.filter(([, variable]) => value(variable) !== "");
  const [id, secret] = CREDENTIALS;
  if (!given.includes(id) || !given.includes(secret)) return null;
  const aws = Object.fromEntries(given.map(([field, variable]) => [field, value(variable)]));
  const sources = given.map(([field, variable]) => [["aws", field], variable] as const);
  return { entry: { keys: [], aws, ...place }, sources, variable: id[1] };
}

function regionFrom(usual: string): string {
  const widest = `${DEFAULT_REGION}@${usual}`;
  return readBedrockRegion(widest) === null ? usual : widest;
}

export interface PlacedBedrock {
  readonly tree: Tree;
  /** By path of a region: the variable it came from. */
  readonly sources: readonly (readonly [path: string, variable: string])[];
}

/** The tree with the region of every Bedrock provider overridden, where the variable is set. */
export function placeBedrock(tree: Tree, environment: Environment): PlacedBedrock {
  const region = (environment[REGION_VARIABLE] ?? "").trim();
  const { providers } = tree;
  if (region === "" || !Array.isArray(providers)) return { tree, sources: [] };
  const sources: (readonly [string, string])[] = [];
  const placed = providers.map((provider: unknown, index) => {
    if (!isBedrock(provider)) return provider;
    sources.push([formatPath(["providers", index, "region"]), REGION_VARIABLE]);
    return { ...provider, region };
  });
  return { tree: { ...tree, providers: placed }, sources };
}

function isBedrock(provider: unknown): provider is object {
  if (typeof provider !== "object" || provider === null) return false;
  const { vendor, id }: { vendor?: unknown; id?: unknown } = provider;
  const name = vendor ?? id;
  return typeof name === "string" && findVendor(name)?.platform === "aws";
}
