import type { CertificateFacts } from '../core/certificates.ts';

export interface ReadmeFacts {
  readonly name: string;
  readonly serial: number;
  readonly createdAt: string;
  readonly images: number;
  readonly bytes: number;
  readonly certificates: readonly CertificateFacts[];
  readonly gaps: number;
}

/** `README.txt` of a bundle: how to check and use the file, with and without `airgap`. ASCII, 100 columns. */
export function bundleReadme(facts: ReadmeFacts): Buffer {
  const certificates = facts.certificates.map(
    (certificate) =>
      `  ${certificate.subject} (until ${certificate.notAfter.slice(0, 10)}, sha256 ${certificate.fingerprint})`,
  );
  const text = `This is an airgap bundle: ${facts.name}, serial ${facts.serial}, made ${facts.createdAt}.
It carries ${facts.images} images, ${facts.bytes} bytes of content.${facts.gaps === 0 ? '' : ` ${facts.gaps} images are missing; plan.json says which and why.`}

With airgap
  airgap verify  BUNDLE.tar --key PUBLIC.pub
  airgap inspect BUNDLE.tar
  airgap unpack  BUNDLE.tar --key PUBLIC.pub --registry HOST:PORT[/PREFIX]

Check it without airgap (cosign, jq, coreutils)
  tar xOf BUNDLE.tar airgap-manifest.json > m.json
  tar xOf BUNDLE.tar airgap-manifest.json.1.sigstore.json > m.sigstore.json
  cosign verify-blob-attestation --key PUBLIC.pub --insecure-ignore-tlog \\
    --type urn:airgap:attestation:bundle:v1 --bundle m.sigstore.json m.json
  tar xf BUNDLE.tar
  jq -r '.files[] | select(.base|not) | "\\(.sha256)  \\(.path)"' airgap-manifest.json | sha256sum -c
Only after the signature was good does the list of checksums mean anything.

Use it without airgap (skopeo): the bundle is an OCI image layout
  skopeo inspect oci-archive:BUNDLE.tar:REPOSITORY:TAG
  skopeo copy --all oci-archive:BUNDLE.tar:REPOSITORY:TAG docker://HOST:PORT/REPOSITORY:TAG
index.json lists every REPOSITORY:TAG; plan.json says where each image came from and why it is in.

CA certificates inside (ca/)
${certificates.length === 0 ? '  none' : certificates.join('\n')}
`;
  return Buffer.from(text);
}
