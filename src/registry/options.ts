/**
 * How registries are reached: plain data, so that it can be handed to a worker, which builds a client of its own.
 * Paths and environment values are found out by the caller; nothing here is read from the environment.
 */
export interface RegistryOptions {
  /** Sent with every request (RFC 9110, section 10.1.5). */
  readonly userAgent: string;
  /**
   * Credential files in search order (containers-auth.json(5), Docker's config.json); the first one that knows a
   * registry wins and files that do not exist are passed over. A file the user named is given alone.
   */
  readonly authFiles: readonly string[];
  /** Folders like `/etc/containers/certs.d`: the first that has a folder for a host is used (containers-certs.d(5)). */
  readonly certsDirs?: readonly string[];
  /** PEM texts trusted for every host, beside the certificates of the system. */
  readonly extraCa?: readonly string[];
  /** PEM texts trusted for one host only (`host` or `host:port`). */
  readonly hostCa?: Readonly<Record<string, readonly string[]>>;
  readonly proxy?: ProxySettings;
  /** Files like `/etc/containers/registries.conf`: the first that exists is used (containers-registries.conf(5)). */
  readonly registriesConf?: readonly string[];
  /** Folders of drop-in files, all read, later ones win. */
  readonly registriesConfDirs?: readonly string[];
  /** Hosts (`host` or `host:port`) whose certificate is not checked and that may speak plain HTTP. */
  readonly insecure?: readonly string[];
  /** Connections per origin; 8 by default. */
  readonly maxConnections?: number;
  /** Tries of one request, the first included. */
  readonly attempts?: number;
}

/** The values of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
export interface ProxySettings {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
}

/** Where a request goes: a registry as references name it, and a repository in it. */
export interface Endpoint {
  /** Host with optional port; `docker.io` stands for Docker Hub. */
  readonly registry: string;
  readonly repository: string;
  readonly isInsecure: boolean;
}
