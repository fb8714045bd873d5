// What must fit together in a provider that is a cloud platform: vendor, credentials, regions, dialects of models.
// Forgives whatever the schema refuses already. Must never put a credential into a message.

import { z } from "zod";
import type { ConfigFault } from "./config-faults.ts";
import { regionsOf } from "./config-places.ts";
import { readBedrockRegion, REGION_HELP } from "./upstream/regions.ts";
import { readGoogleAccount } from "./upstream/signing/google-account.ts";
import type { Platform, Vendor } from "./upstream/vendors.ts";

const writtenText = z.string().nullable().catch(null);

/** The fields of a provider that matter here, read with forgiveness. */
export const platformOutline = {
  region: z
    .union([z.string(), z.array(z.string())])
    .nullable()
    .catch(null),
  aws: z.unknown().optional(),
  google: z.object({ project: writtenText, credentials: writtenText }).nullable().catch(null),
  azure: z.unknown().optional(),
};

export interface PlatformOutline {
  readonly region: string | readonly string[] | null;
  readonly aws?: unknown;
  readonly google: { readonly project: string | null; readonly credentials: string | null } | null;
  readonly azure?: unknown;
  readonly baseUrl: string | null;
  readonly keys: readonly unknown[];
}

const BLOCKS: readonly (readonly [field: Platform, vendor: string])[] = [
  ["aws", "aws-bedrock"],
  ["google", "google-vertex"],
  ["azure", "azure-openai"],
];

/** Regions of Google Cloud, its multi-regions and `global`. */
const GOOGLE_REGION = /^(?:global|us|eu|[a-z]{2,20}-[a-z]{2,20}\d{1,2})$/;
const GOOGLE_HELP = "expected global, us, eu or a region like europe-west4";

export function checkPlatform(
  provider: PlatformOutline,
  vendor: Vendor | null,
  at: (field: string) => string,
): ConfigFault[] {
  const platform = vendor?.platform ?? null;
  const faults = BLOCKS.flatMap(([field, name]): ConfigFault[] => {
    if (!isGiven(provider[field]) || field === platform) return [];
    return [{ path: at(field), message: `is only for providers of the vendor ${name}` }];
  });
  if (platform !== null && platform !== "azure" && isGiven(provider[platform])) {
    if (provider.keys.length > 0) {
      faults.push({ path: at("keys"), message: `stand beside \`${platform}\`: write one of them` });
    }
  }
  return [
    ...faults,
    ...checkAzure(provider, platform, at),
    ...checkRegions(provider, platform, at),
  ];
}

/** Whether the platform's own settings say where it is, so that no base URL is needed. */
export function hasOwnAddress(provider: PlatformOutline, vendor: Vendor): boolean {
  const { platform } = vendor;
  return platform === "aws" || (platform === "azure" && isGiven(provider.azure));
}

/** Whether the platform's own settings say who asks, so that no key is needed. */
export function hasOwnCredentials(provider: PlatformOutline, { platform }: Vendor): boolean {
  return platform !== null && platform !== "azure" && isGiven(provider[platform]);
}

/** What stands behind the id of a provider in names of its deployments; none where it has one place. */
export function placeNames(provider: PlatformOutline, vendor: Vendor | null): readonly string[] {
  const regions = regionsOf(provider.region ?? undefined);
  if (regions.length < 2 || vendor === null) return [];
  if (vendor.platform === "aws")
    return regions.map((text) => readBedrockRegion(text)?.name ?? text);
  return vendor.platform === "google" ? regions : [];
}

function checkAzure(
  { azure, baseUrl }: PlatformOutline,
  platform: Platform | null,
  at: (field: string) => string,
): ConfigFault[] {
  if (platform !== "azure" || !isGiven(azure) || baseUrl === null) return [];
  return [{ path: at("azure"), message: "stands beside `baseUrl`: write one of them" }];
}

function checkRegions(
  provider: PlatformOutline,
  platform: Platform | null,
  at: (field: string) => string,
): ConfigFault[] {
  const path = at("region");
  const regions = regionsOf(provider.region ?? undefined);
  if (platform === "aws") {
    const names = regions.map((region) => readBedrockRegion(region)?.name ?? null);
    if (names.includes(null)) return [{ path, message: REGION_HELP }];
    return faultOfRepeated(names, path);
  }
  if (platform !== "google") {
    if (regions.length < 2) return [];
    return [{ path, message: "may be a list only for aws-bedrock and google-vertex" }];
  }
  if (provider.google === null) {
    if (regions.length === 0) return [];
    return [{ path, message: "takes credentials under `google`: keys have no region" }];
  }
  const faults: ConfigFault[] = [];
  const { project, credentials } = provider.google;
  const account = credentials === null ? null : readGoogleAccount(credentials);
  if (project === null && account !== null && account.projectId === null) {
    const message = "is missing, and the credentials name none";
    faults.push({ path: `${at("google")}.project`, message });
  }
  if (!regions.every((region) => GOOGLE_REGION.test(region))) {
    return [...faults, { path, message: GOOGLE_HELP }];
  }
  return [...faults, ...faultOfRepeated(regions, path)];
}

function faultOfRepeated(names: readonly unknown[], path: string): ConfigFault[] {
  return new Set(names).size === names.length ? [] : [{ path, message: "names a region twice" }];
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
