// Where one provider entry is served: most have one address; a platform has one for each of its regions, with one set
// of credentials for all of them. Must never show a credential.

import type { ProviderEntry } from "./config-provider-schema.ts";
import type { UpstreamDialect } from "./turn/dialect.ts";
import {
  bedrockUrl,
  DEFAULT_REGION,
  readBedrockRegion,
  type BedrockRegion,
} from "./upstream/regions.ts";
import type { Access } from "./upstream/signing/access.ts";
import { readGoogleAccount } from "./upstream/signing/google-account.ts";
import type { DialectPaths } from "./upstream/transport.ts";
import type { Vendor } from "./upstream/vendors.ts";

export interface Place {
  /** What stands behind the provider's id, where it has several places; null: it has one. */
  readonly name: string | null;
  readonly region: string | null;
  /** Null: the vendor has none of its own, and none was written. */
  readonly baseUrl: string | null;
  /** What stands between base URL and call, by dialect. */
  readonly paths: DialectPaths;
  /** Null: a key in a header is all that is asked for. Secret. */
  readonly access: Access | null;
  /** How models are called here; null: as everywhere. */
  readonly bedrock: BedrockRegion | null;
}

const REGION_IN_URL = "{region}";

/** The places of an entry that has passed all checks; at least one. */
export function placesOf(entry: ProviderEntry, vendor: Vendor | null): readonly Place[] {
  const regions = regionsOf(entry.region);
  switch (vendor?.platform) {
    case "aws":
      return named(regions.length === 0 ? [DEFAULT_REGION] : regions, (text) =>
        bedrockPlace(text, entry),
      );
    case "google":
      return named(regions.length === 0 ? [GOOGLE_DEFAULT] : regions, (region) =>
        googlePlace(region, entry, vendor),
      );
    default:
      return [
        {
          ...NOWHERE,
          region: regions[0] ?? null,
          baseUrl: entry.baseUrl ?? azureUrl(entry) ?? vendor?.baseUrl ?? null,
        },
      ];
  }
}

/** Regions may be a list, or one text with commas, as an environment variable has it. */
export function regionsOf(written: string | readonly string[] | undefined): readonly string[] {
  if (written === undefined) return [];
  const list = typeof written === "string" ? written.split(",") : written;
  return list.map((text) => text.trim());
}

const NOWHERE: Omit<Place, "region" | "baseUrl"> = {
  name: null,
  paths: {},
  access: null,
  bedrock: null,
};

function named(
  regions: readonly string[],
  make: (region: string) => Omit<Place, "name">,
): readonly Place[] {
  return regions.map((text) => {
    const place = make(text);
    return { name: regions.length === 1 ? null : place.region, ...place };
  });
}

/** All three APIs live at one host, under paths of their own. */
const BEDROCK_PATHS: DialectPaths = {
  "anthropic-messages": "/anthropic/v1",
  "openai-chat": "/openai/v1",
  "openai-responses": "/openai/v1",
};

function bedrockPlace(text: string, { aws, baseUrl }: ProviderEntry): Omit<Place, "name"> {
  const region = readBedrockRegion(text);
  if (region === null) throw new Error("a region of Bedrock passed the checks and is none");
  const access: Access | null =
    aws === undefined
      ? null
      : {
          kind: "aws",
          accessKeyId: aws.accessKeyId,
          secretAccessKey: aws.secretAccessKey,
          sessionToken: aws.sessionToken ?? null,
          region: region.source,
          service: "bedrock",
        };
  return {
    region: region.name,
    baseUrl: baseUrl?.replace(REGION_IN_URL, region.source) ?? bedrockUrl(region),
    paths: BEDROCK_PATHS,
    access,
    bedrock: region,
  };
}

const GOOGLE_DEFAULT = "global";
/** Multi-regions have hosts of their own kind. */
const MULTI_REGIONS: ReadonlySet<string> = new Set(["us", "eu"]);

function googlePlace(
  region: string,
  { google, baseUrl }: ProviderEntry,
  vendor: Vendor,
): Omit<Place, "name"> {
  const account = google === undefined ? null : readGoogleAccount(google.credentials);
  if (google === undefined || account === null) {
    // With a key and no account there is no project, and no region either.
    const base = baseUrl ?? vendor.baseUrl;
    const paths: DialectPaths = { gemini: "/v1/publishers/google" };
    return { region: null, baseUrl: base, paths, access: null, bedrock: null };
  }
  const project = google.project ?? account.projectId ?? "";
  const root = `/v1/projects/${encodeURIComponent(project)}/locations/${encodeURIComponent(region)}`;
  return {
    region,
    baseUrl: baseUrl?.replace(REGION_IN_URL, region) ?? googleUrl(region),
    paths: {
      gemini: `${root}/publishers/google`,
      "anthropic-messages": `${root}/publishers/anthropic`,
      "openai-chat": `${root}/endpoints/openapi`,
    },
    access: { kind: "google", account },
    bedrock: null,
  };
}

function googleUrl(region: string): string {
  if (region === GOOGLE_DEFAULT) return "https://aiplatform.googleapis.com";
  if (MULTI_REGIONS.has(region)) return `https://aiplatform.${region}.rep.googleapis.com`;
  return `https://${region}-aiplatform.googleapis.com`;
}

function azureUrl({ azure }: ProviderEntry): string | null {
  return azure === undefined ? null : `https://${azure.resource}.openai.azure.com/openai/v1`;
}

/** What a model can be asked in at this place, of what its vendor knows of such names. */
export function spokenAt(
  { paths }: Pick<Place, "paths">,
  dialects: readonly UpstreamDialect[],
): readonly UpstreamDialect[] {
  // Where paths are told, a dialect without one is not spoken; Converse has none because it needs none.
  if (Object.keys(paths).length === 0) return dialects;
  return dialects.filter((name) => name === "bedrock-converse" || paths[name] !== undefined);
}
