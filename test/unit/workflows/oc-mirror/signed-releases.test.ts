import assert from 'node:assert/strict';
import test from 'node:test';
import { isAirgapError } from '../../../../src/core/errors.ts';
import { digestOf } from '../../../../src/oci/digest.ts';
import { digestTag, parseReference } from '../../../../src/oci/reference.ts';
import { MEDIA_TYPE } from '../../../../src/oci/types.ts';
import type { PlannedImage } from '../../../../src/mirror/mirror-plan.ts';
import { assertReleasesSigned } from '../../../../src/workflows/oc-mirror/signed-releases.ts';

const digest = digestOf('etcd');
const root = { mediaType: MEDIA_TYPE.ociManifest, digest, size: 4 };

function judge(version: string, source: string, missing: boolean): void {
  const etcd: PlannedImage = {
    ...{ kind: 'releaseContent', origin: source, source: parseReference(source), root, because: ['a test'], bytes: 4 },
    target: { repository: 'openshift/release', tag: `${version}-x86_64-etcd` },
  };
  const tag = `${digestTag(digest)}.sig`;
  const signature: PlannedImage = {
    ...{ ...etcd, kind: 'signature', signatureOf: digest },
    target: { repository: 'openshift/release', tag },
  };
  const planned = {
    plan: { images: [etcd, signature] },
    facts: { releases: [{ version, tag: `${version}-x86_64` }], catalogs: [] },
  };
  const differences = missing ? [{ kind: 'missing' as const, name: `openshift/release:${tag}` }] : [];
  assertReleasesSigned(planned as never, { differences } as never);
}

test('a release whose clusters demand signatures must have them in the archive', () => {
  const vendor = `quay.io/openshift-release-dev/ocp-v4.0-art-dev@${digest}`;
  assert.throws(
    () => judge('4.21.0', vendor, true),
    (error) => isAirgapError(error, 'E_SIGNATURE') && error.message.includes(vendor),
  );
  judge('4.21.0', vendor, false);
  judge('4.20.9', vendor, true);
  judge('4.21.0', `quay.io/okd/content@${digest}`, true);
});
