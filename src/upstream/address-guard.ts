// Which addresses a provider may have: checked when the configuration is read and at connect time.
// Loopback and private ones pass, because the operator wrote them: a model server in the same network
// is normal. Link-local and metadata addresses never pass: no model lives there, credentials do.
// Must never put the URL into a message: it may carry a password.

import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

const LINK_LOCAL_BITS_V4 = 16;
const WHOLE_ADDRESS_BITS_V4 = 32;

/** IPv4 ranges no provider may have, as [address, prefix bits]. */
const FORBIDDEN_V4: readonly (readonly [string, number])[] = [
  ["169.254.0.0", LINK_LOCAL_BITS_V4], // link-local; metadata of most clouds
  ["100.100.100.200", WHOLE_ADDRESS_BITS_V4], // metadata of Alibaba Cloud
  ["168.63.129.16", WHOLE_ADDRESS_BITS_V4], // wire server of Azure
  ["192.0.0.192", WHOLE_ADDRESS_BITS_V4], // metadata of Oracle Cloud (classic)
  ["224.0.0.0", 3], // multicast, reserved, broadcast
];

const FORBIDDEN_V6: readonly (readonly [string, number])[] = [
  ["fe80::", 10], // link-local
  ["fd00:ec2::254", 128], // metadata of AWS
  ["fd20:ce::254", 128], // metadata of Google Cloud
  ["ff00::", 8], // multicast
];

const PRIVATE_V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
];

const PRIVATE_V6: readonly (readonly [string, number])[] = [
  ["::", 128],
  ["::1", 128],
  ["fc00::", 7],
];

/** Names that clouds resolve to their metadata service, whatever DNS says elsewhere. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "metadata.azure.internal",
  "metadata.tencentyun.com",
  "instance-data",
  "instance-data.ec2.internal",
]);

const forbidden = makeBlockList(FORBIDDEN_V4, FORBIDDEN_V6);
const privateOrLoopback = makeBlockList(PRIVATE_V4, PRIVATE_V6);

export interface AddressPolicy {
  /** False: only public addresses pass, for a provider that is known to be on the internet. */
  readonly allowPrivateAddress: boolean;
}

const OPERATOR_DECIDES: AddressPolicy = { allowPrivateAddress: true };

/**
 * Text of the fault when `url` cannot be the base URL of a provider, else null.
 * Decimal, octal, hexadecimal and IPv4-mapped spellings are normalised by the URL parser first.
 */
export function checkBaseUrl(url: string, policy: AddressPolicy = OPERATOR_DECIDES): string | null {
  if (!URL.canParse(url)) {
    return "is not a URL; write it like https://host/v1";
  }
  const parsed = new URL(url);
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    return "must start with http:// or https://";
  }
  if (parsed.username !== "" || parsed.password !== "") {
    return "must not carry credentials; put them in keys";
  }
  if (parsed.search !== "" || parsed.hash !== "") {
    return "must not carry a query or a fragment";
  }
  return checkHost(parsed.hostname, policy);
}

/**
 * A `lookup` for net, tls and undici's `connect` option that refuses what checkBaseUrl refuses, on
 * the address that is really connected to, so that a name cannot be re-pointed after start.
 */
export function makeGuardedLookup(policy: AddressPolicy): LookupFunction {
  return (hostname, options, callback) => {
    // All addresses are asked for and all must pass: the connector may race a mixed answer.
    systemLookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const fault = checkName(hostname) ?? checkAll(found, policy);
      const [first] = found;
      if (fault !== null || first === undefined) {
        callback(refusal(fault ?? "resolves to no address"), []);
      } else if (options.all === true) {
        callback(null, found);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

/** The lookup for providers without a policy of their own. */
export const guardedLookup: LookupFunction = makeGuardedLookup(OPERATOR_DECIDES);

/** Text of the fault when this IPv4 or IPv6 address must not be connected to, else null. */
export function checkAddress(address: string, policy: AddressPolicy): string | null {
  const [bare = ""] = address.split("%", 1);
  const family = isIP(bare) === 6 ? "ipv6" : "ipv4";
  if (forbidden.check(bare, family)) {
    return "points to a link-local, metadata or multicast address";
  }
  if (!policy.allowPrivateAddress && privateOrLoopback.check(bare, family)) {
    return "points to a private address, and allowPrivateAddress is false";
  }
  return null;
}

function checkHost(hostname: string, policy: AddressPolicy): string | null {
  const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  if (isIP(bare) !== 0) {
    return checkAddress(bare, policy);
  }
  const isLocalName = bare === "localhost" || bare.endsWith(".localhost");
  if (isLocalName && !policy.allowPrivateAddress) {
    return "points to this machine, and allowPrivateAddress is false";
  }
  return checkName(bare);
}

function checkName(hostname: string): string | null {
  const name = hostname.toLowerCase().replace(/\.+$/, "");
  return METADATA_NAMES.has(name) ? "names a cloud metadata service" : null;
}

function checkAll(found: readonly LookupAddress[], policy: AddressPolicy): string | null {
  for (const { address } of found) {
    const fault = checkAddress(address, policy);
    if (fault !== null) {
      return fault;
    }
  }
  return null;
}

function refusal(fault: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`the provider's host ${fault}`), { code: "EADDRREFUSED" });
}

/** Every IPv4 range is also refused inside the IPv6 forms that carry an IPv4 address. */
function makeBlockList(
  v4: readonly (readonly [string, number])[],
  v6: readonly (readonly [string, number])[],
): BlockList {
  const list = new BlockList();
  for (const [address, bits] of v4) {
    list.addSubnet(address, bits, "ipv4");
    list.addSubnet(`64:ff9b::${address}`, 96 + bits, "ipv6"); // NAT64
    list.addSubnet(`2002:${inHex(address)}::`, 16 + bits, "ipv6"); // 6to4
    if (address !== "0.0.0.0") {
      list.addSubnet(`::${address}`, 96 + bits, "ipv6"); // IPv4-compatible; ::/104 would hold ::1
    }
  }
  for (const [address, bits] of v6) {
    list.addSubnet(address, bits, "ipv6");
  }
  return list;
}

function inHex(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
