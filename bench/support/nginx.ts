// nginx as a relay: one process, keep-alive to both sides, nothing buffered, nothing logged.
// Must never touch an nginx of the system: its own configuration, prefix and port.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StartOptions } from "./processes.ts";
import { UPSTREAM_CONNECTIONS } from "./relay-headers.ts";

const CANDIDATES = ["nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"];

/** Command that starts nginx; null when it is not installed. */
export function findNginx(): string | null {
  return CANDIDATES.find((command) => spawnSync(command, ["-v"]).status === 0) ?? null;
}

export interface NginxOptions {
  /** Existing empty folder for the configuration and everything nginx writes. */
  readonly folder: string;
  readonly port: number;
  readonly upstreamPort: number;
  readonly core: number | null;
}

/** Writes the configuration and returns how to start it. Throws when nginx is not installed. */
export function prepareNginx(options: NginxOptions): StartOptions {
  const command = findNginx();
  if (command === null) throw new Error("nginx is not installed");
  const file = join(options.folder, "nginx.conf");
  writeFileSync(file, makeConfiguration(options));
  const args = ["-p", options.folder, "-e", "stderr", "-c", file];
  return { command, args, core: options.core };
}

function makeConfiguration({ folder, port, upstreamPort }: NginxOptions): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `  ${kind}_temp_path ${folder}/${kind};`)
    .join("\n");
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
${temporary}
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 16m;
  client_body_buffer_size 512k;
  upstream stub {
    server 127.0.0.1:${upstreamPort};
    keepalive ${UPSTREAM_CONNECTIONS};
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://stub;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
}
`;
}
