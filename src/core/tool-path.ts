/** The tool's own executables inside a bundle: `tool/airgap-<platform>`. */
const TOOL_PATH = /^tool\/airgap-([a-z0-9]+-[a-z0-9]+)$/;

/** Node's word for a processor → what `uname -m` calls it. */
const MACHINES: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** Where the executable of a platform lies in a bundle. */
export function toolPath(platform: string): string {
  return `tool/airgap-${platform}`;
}

/** `linux-x64` of `tool/airgap-linux-x64`; undefined for any other file. */
export function toolPlatformOf(path: string): string | undefined {
  return TOOL_PATH.exec(path)?.[1];
}

/** The machine a platform stands for, as `uname -sm` prints it: `Linux x86_64` of `linux-x64`. */
export function machineOf(platform: string): string {
  const [system = '', processor = ''] = platform.split('-');
  return `${system.slice(0, 1).toUpperCase()}${system.slice(1)} ${MACHINES[processor] ?? processor}`;
}
