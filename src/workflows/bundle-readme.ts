import type { CertificateFacts } from '../core/certificates.ts';
import { machineOf, toolPlatformOf } from '../core/tool-path.ts';

export interface ReadmeFacts {
  readonly name: string;
  readonly serial: number;
  readonly createdAt: string;
  readonly images: number;
  readonly bytes: number;
  readonly certificates: readonly CertificateFacts[];
  readonly gaps: number;
  /** Serial of the bundle this one comes on top of. */
  readonly base?: number | undefined;
  /** The tool's executables inside. */
  readonly tools: readonly { readonly path: string; readonly sha256: string }[];
  /** Set when another engine mirrored the images. */
  readonly engine?: { readonly version: string; readonly archive: readonly string[]; readonly config: string };
}

const LAYOUT_RECIPE = `Use it without airgap (skopeo): the bundle is an OCI image layout
  skopeo inspect oci-archive:BUNDLE.tar:REPOSITORY:TAG
  skopeo copy --all oci-archive:BUNDLE.tar:REPOSITORY:TAG docker://HOST:PORT/REPOSITORY:TAG
skopeo finds only images in OCI format that way. All images, also those in Docker format (releases),
in the folder the bundle was unpacked into:
  mkdir dir; echo 'Directory Transport Version: 1.1' > dir/version
  for blob in "$PWD"/blobs/sha256/*; do
    ln -s "$blob" dir/; ln -s "$blob" "dir/\${blob##*/}.manifest.json"
  done
  jq -r '.manifests[] | [.digest, .annotations["org.opencontainers.image.ref.name"] // empty]
      | select(length == 2) | join(" ")' index.json | while read -r digest name; do
    ln -sf "$PWD/blobs/sha256/\${digest#sha256:}" dir/manifest.json
    skopeo copy --all --preserve-digests dir:dir "docker://HOST:PORT/$name" < /dev/null
  done
index.json lists every REPOSITORY:TAG; plan.json says where each image came from and why it is in.`;

/** `README.txt` of a bundle: how to check and use the file, with and without `airgap`. ASCII, 100 columns. */
export function bundleReadme(facts: ReadmeFacts): Buffer {
  const certificates = facts.certificates.map(
    (certificate) =>
      `  ${certificate.subject} (until ${certificate.notAfter.slice(0, 10)}, sha256 ${certificate.fingerprint})`,
  );
  const text = `This is an airgap bundle: ${facts.name}, serial ${facts.serial}, made ${facts.createdAt}.
REPORT.html says what is in it and why, for a browser: tar xOf BUNDLE.tar REPORT.html > trip.html
It carries ${facts.images} images, ${facts.bytes} bytes of content.${facts.gaps === 0 ? '' : ` ${facts.gaps} images are missing; plan.json says which and why.`}${facts.base === undefined ? '' : baseLine(facts.base)}

With airgap
  airgap verify  BUNDLE.tar --key PUBLIC.pub
  airgap inspect BUNDLE.tar
${facts.engine === undefined ? '  airgap serve   BUNDLE.tar --key PUBLIC.pub\n' : ''}  airgap unpack  BUNDLE.tar --key PUBLIC.pub --registry HOST:PORT[/PREFIX]
A bundle in volumes (BUNDLE.tar.001, ...) is read as it is, name all of them: BUNDLE.tar.0*
${toolSection(facts.tools)}
Check it without airgap (cosign, jq, coreutils); join volumes first: cat BUNDLE.tar.0* > BUNDLE.tar
  tar xOf BUNDLE.tar airgap-manifest.json > m.json
  tar xOf BUNDLE.tar airgap-manifest.json.1.sigstore.json > m.sigstore.json
  cosign verify-blob-attestation --key PUBLIC.pub --insecure-ignore-tlog \\
    --type urn:airgap:attestation:bundle:v1 --bundle m.sigstore.json m.json
  tar xf BUNDLE.tar
  jq -r '.files[] | select(.base|not) | "\\(.sha256)  \\(.path)"' airgap-manifest.json | sha256sum -c
Only after the signature was good does the list of checksums mean anything.

${facts.engine === undefined ? LAYOUT_RECIPE : archiveRecipe(facts.engine)}

CA certificates inside (ca/)
${certificates.length === 0 ? '  none' : certificates.join('\n')}
`;
  return Buffer.from(text);
}

function baseLine(serial: number): string {
  return `
Content that arrived with serial ${serial} is not in it, base.json says where that is: only
airgap unpack can use this bundle, where that serial was unpacked.`;
}

function toolSection(tools: ReadmeFacts['tools']): string {
  // The usual machine as the example.
  const first = tools.find(({ path }) => path.endsWith('linux-x64')) ?? tools[0];
  if (first === undefined) return '';
  return `
The tool is inside. Each executable is for one kind of machine; uname -sm says which one yours is:
${tools.map(({ path }) => `  ${machineOf(toolPlatformOf(path) ?? path)}: ${path}`).join('\n')}
It needs glibc 2.28 and libstdc++, nothing else. Check the bundle first, as below; then
  tar xf BUNDLE.tar ${first.path}
  sha256sum ${first.path}
  chmod +x ${first.path}
  ${first.path} --help
The checksum must be the one the signed airgap-manifest.json lists:
${tools.map(({ path, sha256 }) => `  ${sha256}  ${path}`).join('\n')}
"cannot execute binary file: Exec format error" says that it is for another kind of machine, "No
such file or directory" that the system has no glibc. The rest of the bundle is good for every
machine: start the tool on one that fits, do without it as shown below, or ask the sender for the
executable of yours (npm run sea -- --platform linux-arm64, pack --include-tool).
`;
}

function archiveRecipe({ version, archive, config }: NonNullable<ReadmeFacts['engine']>): string {
  return `Use it without airgap (oc-mirror ${version} or newer made its archive)
  tar xf BUNDLE.tar ${archive.length === 1 ? archive[0] : `${archive[0]} ... ${archive.at(-1)}`} ${config}
  oc-mirror --v2 -c ${config} --from file://oc-mirror docker://HOST:PORT[/PREFIX]
plan.json says where each image came from and why it is in.`;
}
