/** The sample image set of the demonstration: multi-arch indexes, shared layers, a signed image with an SBOM. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { digestTag } from '../src/oci/reference.ts';
import { MEDIA_TYPE, type Descriptor } from '../src/oci/types.ts';
import type { RegistryClient } from '../src/registry/client.ts';
import { image, index, pushContent, type BuiltContent } from '../test/support/images.ts';

const MIB = 1024 * 1024;

export interface SampleImage {
  readonly repository: string;
  readonly tag: string;
}

/** Pushes the sample to a registry and returns what an image set would name. */
export async function pushSample(client: RegistryClient, host: string): Promise<SampleImage[]> {
  const base = (architecture: string) => filler(`base-${architecture}`, 8 * MIB);
  const push = (repository: string, built: BuiltContent, tag?: string) =>
    pushContent(client.openRepository({ registry: host, repository }), built, tag);

  const images: SampleImage[] = [];
  for (const name of ['console', 'api-server', 'operator']) {
    const instances = ['amd64', 'arm64'].map((architecture) =>
      image()
        .platform(`linux/${architecture}`)
        .layer('usr/lib/base', base(architecture))
        .layer(`opt/${name}/bin`, filler(`${name}-${architecture}`, MIB))
        .label('name', name)
        .build(),
    );
    await push(`platform/${name}`, index(instances).build(), 'v1.0');
    images.push({ repository: `platform/${name}`, tag: 'v1.0' });
  }

  const legacy = image()
    .docker()
    .layer('usr/lib/base', base('amd64'))
    .layer('opt/legacy', filler('legacy', MIB))
    .build();
  await push('tools/legacy', legacy, '2.3');
  images.push({ repository: 'tools/legacy', tag: '2.3' });

  const signed = image().layer('usr/lib/base', base('amd64')).layer('opt/agent', filler('agent', MIB)).build();
  const root = await push('tools/agent', signed, '5.1');
  await push('tools/agent', cosignSignature(root), `${digestTag(root.digest)}.sig`);
  await push('tools/agent', sbomOf(root));
  images.push({ repository: 'tools/agent', tag: '5.1' });
  return images;
}

/** Bytes that look random (layers do not compress twice) and are the same in every run. */
function filler(seed: string, size: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < size; at += 64) blocks.push(createHash('sha512').update(`${seed} ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}

/** A signature as cosign keeps it in a tag (signing, "Image signatures to carry"). */
function cosignSignature(subject: Descriptor): BuiltContent {
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': 'tools/agent' },
        image: { 'docker-manifest-digest': subject.digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const signature = sign('sha256', payload, privateKey).toString('base64');
  return image()
    .rawLayer(payload, MEDIA_TYPE.cosignSimpleSigning, { 'dev.cosignproject.cosign/signature': signature })
    .build();
}

function sbomOf(subject: Descriptor): BuiltContent {
  const document = Buffer.from('{"spdxVersion":"SPDX-2.3","name":"agent","packages":[]}');
  return image()
    .artifactType('application/spdx+json')
    .subject(subject)
    .rawLayer(document, 'application/spdx+json')
    .build();
}
