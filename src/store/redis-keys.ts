// The names of all keys in Redis. Keys of one conversation share a hash tag, and so a Cluster slot.
// Must never let an id choose its slot or another's key: every part is escaped.

/** Names of keys under one prefix; the prefix lets several gateways' data live in one Redis. */
export interface RedisKeys {
  readonly row: (key: string) => string;
  readonly threads: (key: string) => string;
  readonly receipts: (tenant: string, key: string) => string;
  /** Sorted set: request ids by the order of their commits. */
  readonly receiptOrder: (tenant: string, key: string) => string;
  readonly quarantined: (key: string) => string;
  /** A receipt that belongs to no conversation. */
  readonly statelessReceipt: (tenant: string, requestId: string) => string;
  /** Which conversation holds a receipt. Shares its slot with `statelessReceipt`. */
  readonly pointer: (tenant: string, requestId: string) => string;
  /** What is known of an answer, by a key of its own. */
  readonly answer: (key: string) => string;
  /** Sorted set per tenant: conversation keys by `updatedAt`. */
  readonly index: (tenant: string) => string;
  /** Sorted set: [tenant, key] of all conversations by `expiresAt`. */
  readonly expiry: string;
  /** Sorted set: conversation keys by when a row of theirs was last quarantined. */
  readonly quarantine: string;
  readonly quarantineSequence: string;
}

/** Throws when the prefix holds a brace, which would move the hash tags. */
export function redisKeys(prefix: string): RedisKeys {
  if (/[{}]/.test(prefix)) throw new Error("The key prefix must not contain { or }.");
  // Escapes braces and colons among others, so parts can neither end a tag nor run together.
  const escape = encodeURIComponent;
  const conversation = (key: string): string => `${prefix}{${escape(key)}}`;
  const request = (tenant: string, requestId: string): string =>
    `${prefix}{request:${escape(tenant)}:${escape(requestId)}}`;
  return {
    row: (key) => `${conversation(key)}:row`,
    threads: (key) => `${conversation(key)}:threads`,
    receipts: (tenant, key) => `${conversation(key)}:receipts:${escape(tenant)}`,
    receiptOrder: (tenant, key) => `${conversation(key)}:receipt-order:${escape(tenant)}`,
    quarantined: (key) => `${conversation(key)}:quarantine`,
    statelessReceipt: (tenant, requestId) => `${request(tenant, requestId)}:receipt`,
    pointer: (tenant, requestId) => `${request(tenant, requestId)}:conversation`,
    answer: (key) => `${prefix}{answer:${escape(key)}}`,
    index: (tenant) => `${prefix}index:${escape(tenant)}`,
    expiry: `${prefix}expiry`,
    quarantine: `${prefix}quarantine`,
    quarantineSequence: `${prefix}quarantine-sequence`,
  };
}
