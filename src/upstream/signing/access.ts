// How a provider is shown who asks, where a key in a header is not enough. Plain data, made from the configuration.
// Must never be logged or shown: all of it is secret.

export interface AwsAccess {
  readonly kind: "aws";
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Null for credentials that do not expire. */
  readonly sessionToken: string | null;
  /** The region that is signed for: `eu-central-1`. */
  readonly region: string;
  /** The name of the service in signatures. */
  readonly service: string;
}

/** A service account of Google Cloud, as its key file holds it. */
export interface GoogleAccount {
  readonly clientEmail: string;
  /** PEM. */
  readonly privateKey: string;
  readonly privateKeyId: string | null;
  /** Where its signature is exchanged for a token. */
  readonly tokenUrl: string;
  readonly projectId: string | null;
}

export interface GoogleAccess {
  readonly kind: "google";
  readonly account: GoogleAccount;
}

export type Access = AwsAccess | GoogleAccess;
