// What one part of a configuration says of another: names that must exist, be unique, fit together.
// Reads only names and forgives everything else, so that these faults stand beside the schema's.
// Must never report what the schema reports already.

import { BlockList, isIP } from "node:net";
import { z } from "zod";
import { type ConfigFault, formatPath, hint } from "./config-faults.ts";
import { checkDialects, checkEmbeddings, modelOutline } from "./config-model-references.ts";
import {
  checkPlatform,
  hasOwnAddress,
  hasOwnCredentials,
  placeNames,
  platformOutline,
} from "./config-platform-references.ts";
import { ID_PATTERN } from "./config-values.ts";
import { withoutRegion } from "./turn/deployment.ts";
import { checkBaseUrl } from "./upstream/address-guard.ts";
import {
  findVendor,
  isServedDialect,
  listVendors,
  SERVED_DIALECTS,
  type Vendor,
} from "./upstream/vendors.ts";

const text = z.string().nullable().catch(null);

const providerOutline = z.object({
  id: z.string().regex(ID_PATTERN).nullable().catch(null),
  vendor: text,
  dialect: z
    .union([z.string(), z.array(z.string())])
    .nullable()
    .catch(null),
  baseUrl: text,
  keys: z.array(z.unknown()).catch([]),
  allowPrivateAddress: z.unknown().optional(),
  ...platformOutline,
  // null: not listed (or not readable), so any name may be meant.
  models: z.array(modelOutline).nullable().catch(null),
});

type ProviderOutline = z.output<typeof providerOutline>;

const targetOutline = z.object({
  to: text,
  weight: z.number().catch(1),
  when: z.unknown().optional(),
});

const configOutline = z.object({
  listen: z.object({ host: z.string().catch("127.0.0.1") }).catch({ host: "127.0.0.1" }),
  defaultProfile: z.string().catch("CHAT"),
  defaultConversationProfile: z.string().catch("AGENT"),
  providers: z.array(providerOutline.nullable().catch(null)).catch([]),
  logicalModels: z
    .record(z.string(), z.array(targetOutline.nullable().catch(null)).catch([]))
    .catch({}),
  keys: z.array(z.object({ id: text, hash: text, profile: text }).nullable().catch(null)).catch([]),
  receipts: z.object({ defaultModel: text }).catch({ defaultModel: null }),
});

type Outline = z.output<typeof configOutline>;

/** `tree` is the expanded file; `profiles` are the names that exist, in upper case. */
export function checkReferences(
  tree: Readonly<Record<string, unknown>>,
  profiles: readonly string[],
): ConfigFault[] {
  const outline = configOutline.parse(tree);
  return [
    ...checkListen(outline),
    ...checkProviders(outline.providers),
    ...checkTargets(outline),
    ...checkProfiles(outline, profiles),
    ...checkKeys(outline),
  ];
}

function checkListen({ listen, keys }: Outline): ConfigFault[] {
  if (isLoopback(listen.host) || keys.length > 0) {
    return [];
  }
  const message =
    "is beyond loopback, and no API key is configured: anybody could spend your money; " +
    "add keys (see `fairlead keys create`) or listen on 127.0.0.1";
  return [{ path: "listen.host", message }];
}

/** True when only this machine can reach a server bound to `host`. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) {
    return host.toLowerCase() === "localhost";
  }
  const loopback = new BlockList();
  loopback.addSubnet("127.0.0.0", 8, "ipv4");
  loopback.addAddress("::1", "ipv6");
  return loopback.check(host, family === 6 ? "ipv6" : "ipv4");
}

function checkProviders(providers: Outline["providers"]): ConfigFault[] {
  const faults = repeated(
    providers.map((provider) => provider?.id?.toLowerCase() ?? null),
    (index) => ["providers", index, "id"],
  );
  providers.forEach((provider, index) => {
    if (provider === null) {
      return;
    }
    const models = provider.models ?? [];
    faults.push(
      ...repeated(
        models.map((model) => model.id),
        (at) => ["providers", index, "models", at, "id"],
      ),
      ...checkProvider(provider, (field) => formatPath(["providers", index, field])),
      ...checkEmbeddings(provider, (at) => formatPath(["providers", index, "models", at])),
      ...checkDialects(provider, (at) => formatPath(["providers", index, "models", at, "dialect"])),
    );
  });
  return faults;
}

function checkProvider(provider: ProviderOutline, at: (field: string) => string): ConfigFault[] {
  const vendorId = provider.vendor ?? provider.id;
  if (vendorId === null) {
    return [];
  }
  const vendor = findVendor(vendorId);
  const vendorNames = listVendors().map((known) => known.id);
  if (provider.vendor !== null && vendor === null) {
    const message = `is not a known vendor${hint(provider.vendor, vendorNames)}`;
    return [{ path: at("vendor"), message }];
  }
  const dialect = provider.dialect ?? vendor?.dialects[0] ?? "openai-chat";
  if (provider.dialect === null && typeof dialect === "string" && !isServedDialect(dialect)) {
    const works = SERVED_DIALECTS.join(", ");
    const message = `speaks ${dialect}, which cannot be served yet; what works: ${works}`;
    return [{ path: at(provider.vendor === null ? "id" : "vendor"), message }];
  }
  if (dialect === "simulator") {
    return [];
  }
  const faults = checkPlatform(provider, vendor, at);
  const ownDialect = vendor !== null && isOwnDialect(vendor, dialect);
  const isPlaced = ownDialect && (vendor.baseUrl !== null || hasOwnAddress(provider, vendor));
  if (provider.baseUrl === null && !isPlaced) {
    const guess = vendor === null ? hint(vendorId, vendorNames) : "";
    const message = `is missing, and no known vendor of this name has one${guess}`;
    faults.push({ path: at("baseUrl"), message });
  }
  const isKnown =
    provider.keys.length > 0 || (vendor !== null && hasOwnCredentials(provider, vendor));
  if (provider.baseUrl === null && ownDialect && vendor.needsKey && !isKnown) {
    const [variable = "VARIABLE"] = vendor.keyVariables;
    faults.push({ path: at("keys"), message: `are missing; write ["\${${variable}}"]` });
  }
  if (
    provider.baseUrl !== null &&
    [false, "false"].includes(asFlag(provider.allowPrivateAddress))
  ) {
    const message = checkBaseUrl(provider.baseUrl, { allowPrivateAddress: false });
    faults.push(...(message === null ? [] : [{ path: at("baseUrl"), message }]));
  }
  return faults;
}

/** True where all that is named is spoken at the vendor's own address. */
function isOwnDialect(vendor: Vendor, dialect: unknown): boolean {
  const named: readonly unknown[] = Array.isArray(dialect) ? dialect : [dialect];
  return named.every((name) => vendor.dialects.some((spoken) => spoken === name));
}

function asFlag(value: unknown): boolean | string {
  return typeof value === "boolean" || typeof value === "string" ? value : true;
}

function checkTargets(outline: Outline): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const providerIds = outline.providers.map((provider) => provider?.id ?? null);
  for (const [name, targets] of Object.entries(outline.logicalModels)) {
    const at = (...rest: PropertyKey[]) => formatPath(["logicalModels", name, ...rest]);
    if (name === "auto") {
      faults.push({ path: at(), message: "is reserved: auto lets the router choose" });
    }
    if (name.includes("/") && providerIds.includes(name.slice(0, name.indexOf("/")))) {
      faults.push({ path: at(), message: "would hide a model of the provider of that name" });
    }
    targets.forEach((target, index) => {
      const message = target?.to === undefined ? null : checkDeployment(target.to, outline);
      faults.push(...(message === null ? [] : [{ path: at(index, "to"), message }]));
    });
    const split = targets.filter((target) => target !== null && target.when === undefined);
    if (split.length > 0 && split.every((target) => target?.weight === 0)) {
      faults.push({ path: at(), message: "has no target of a weight above 0" });
    }
  }
  const savingsModel = checkDeployment(outline.receipts.defaultModel, outline);
  if (savingsModel !== null) {
    faults.push({ path: "receipts.defaultModel", message: savingsModel });
  }
  return faults;
}

function checkDeployment(address: string | null, { providers }: Outline): string | null {
  // A provider or model whose own id is broken has its own fault; what it was called is not known.
  const unreadable = providers.some(
    (provider) =>
      provider === null ||
      provider.id === null ||
      provider.models?.some((model) => model.id === null) === true,
  );
  if (address === null || unreadable) {
    return null;
  }
  const slash = address.indexOf("/");
  const [placed, modelId] = [address.slice(0, slash), address.slice(slash + 1)];
  const providerId = withoutRegion(placed);
  if (slash <= 0 || modelId === "") {
    return "is not a deployment; write provider/model";
  }
  // Without providers the simulator answers, whose models are its own.
  const known = providers.length === 0 ? [SIMULATOR_OUTLINE] : providers;
  const found = known.find((candidate) => candidate?.id === providerId);
  if (found === undefined || found === null) {
    const names = known.flatMap((candidate) => candidate?.id ?? []);
    return `names no configured provider${hint(providerId, names)}`;
  }
  const places = placeNames(found, findVendor(found.vendor ?? found.id ?? ""));
  const place = placed.slice(providerId.length + 1);
  if (placed !== providerId && !places.includes(place)) {
    return `names no region of provider ${providerId}${hint(place, places)}`;
  }
  const names = (found.models ?? []).flatMap((model) => model.id ?? []);
  if (found.models !== null && !names.includes(modelId)) {
    return `names no model of provider ${providerId}${hint(modelId, names)}`;
  }
  return null;
}

const SIMULATOR_OUTLINE: ProviderOutline = {
  id: "sim",
  vendor: null,
  dialect: "simulator",
  baseUrl: null,
  keys: [],
  allowPrivateAddress: true,
  region: null,
  google: null,
  models: null,
};

function checkProfiles(outline: Outline, profiles: readonly string[]): ConfigFault[] {
  const named: [string, string | null][] = [
    ["defaultProfile", outline.defaultProfile],
    ["defaultConversationProfile", outline.defaultConversationProfile],
    ...outline.keys.map((key, index): [string, string | null] => [
      formatPath(["keys", index, "profile"]),
      key?.profile ?? null,
    ]),
  ];
  return named.flatMap(([path, name]) =>
    name === null || profiles.includes(name.toUpperCase())
      ? []
      : [{ path, message: `is not a profile; there are ${profiles.join(", ")}` }],
  );
}

function checkKeys({ keys }: Outline): ConfigFault[] {
  const ids = keys.map((key) => key?.id ?? null);
  const hashes = keys.map((key) => key?.hash ?? null);
  return [
    ...repeated(ids, (index) => ["keys", index, "id"]),
    ...repeated(hashes, (index) => ["keys", index, "hash"]),
  ];
}

/** A fault for every value that was there before; null is no value. */
function repeated(
  values: readonly (string | null)[],
  pathOf: (index: number) => readonly PropertyKey[],
): ConfigFault[] {
  const firstSeen = new Map<string, number>();
  const faults: ConfigFault[] = [];
  values.forEach((value, index) => {
    const first = value === null ? undefined : firstSeen.get(value);
    if (first !== undefined) {
      const message = `is the same as ${formatPath(pathOf(first))}; it must be unique`;
      faults.push({ path: formatPath(pathOf(index)), message });
    } else if (value !== null) {
      firstSeen.set(value, index);
    }
  });
  return faults;
}
