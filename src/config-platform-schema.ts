// The fields of a provider that is a cloud platform: regions, and the credentials that are no keys.
// Must never read anything: it only describes.

import { z } from "zod";
import { ID_HELP } from "./config-values.ts";

/** Most regions of one provider: each is a connection pool, and a deployment of every model. */
const REGIONS_MAX = 16;

/** A region may say where it is asked: `eu@eu-west-1`; one text may hold several, with commas. */
const REGION = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const REGIONS =
  /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}(?:\s*,\s*[A-Za-z0-9][A-Za-z0-9._@-]{0,63}){0,15}$/;

export const regionSchema = z.union(
  [
    z.string().regex(REGIONS, ID_HELP),
    z.array(z.string().regex(REGION, ID_HELP)).min(1).max(REGIONS_MAX),
  ],
  { error: "expected a region or a list of regions" },
);

const secret = () => z.string().regex(/^[\x21-\x7e]{1,8192}$/, "expected printable characters");

const awsSchema = z.strictObject({
  accessKeyId: z
    .string()
    .regex(/^\w{16,128}$/, "expected 16 to 128 letters and digits")
    .describe("Id of the access key."),
  secretAccessKey: secret().describe("The access key itself. Write it as ${VARIABLE}."),
  sessionToken: secret().optional().describe("Only for credentials that expire."),
});

const googleSchema = z.strictObject({
  project: z
    .string()
    .regex(/^[a-z0-9.:-]{1,128}$/, "expected the id of a project")
    .optional()
    .describe("Project that pays. Default: the service account's."),
  credentials: z
    .string()
    .min(1)
    .max(65_536)
    .describe("Key file of a service account, or what it holds, as ${VARIABLE}."),
});

const azureSchema = z.strictObject({
  resource: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, "expected the name of a resource")
    .describe("Name of the resource: https://RESOURCE.openai.azure.com/openai/v1."),
});

export const platformFields = {
  aws: awsSchema
    .optional()
    .describe("Credentials for `aws-bedrock`, good for all its regions. Instead of `keys`."),
  google: googleSchema
    .optional()
    .describe("Credentials for `google-vertex`, good for all its regions. Instead of `keys`."),
  azure: azureSchema.optional().describe("For `azure-openai`: instead of `baseUrl`."),
};
