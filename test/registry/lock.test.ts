import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectAdditionalImages } from '../../src/mirror/additional.ts';
import { loadImageSet } from '../../src/mirror/image-set.ts';
import { lockContext, recordPins } from '../../src/mirror/lock-context.ts';
import { assertLocked, createLock, formatLock, parseLock } from '../../src/mirror/lock.ts';
import type { MirrorContext, MirrorPlan } from '../../src/mirror/mirror-plan.ts';
import { diffPlans } from '../../src/mirror/plan-diff.ts';
import { planFileOf } from '../../src/mirror/plan-file.ts';
import { resolvePlan } from '../../src/mirror/plan.ts';
import type { Descriptor } from '../../src/oci/types.ts';
import { digestTag } from '../../src/oci/reference.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { image, pushContent } from '../support/images.ts';
import { optionsFor } from '../support/registry.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const { signal } = new AbortController();
const run = { signal, report: () => undefined };

for (const kind of plainRegistries) {
  test(`a locked plan stays the same when tags move and signatures are added (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const client = createRegistryClient(optionsFor(access), run);
    t.after(() => client.close());
    const path = freshRepository('lock');
    const repository = client.openRepository({ registry: access.host, repository: path });
    const sign = (what: Descriptor, text: string) =>
      pushContent(repository, image().layer('signature', text).build(), `${digestTag(what.digest)}.sig`);
    const ctx: MirrorContext = {
      ...run,
      openSource: (ref) => client.openSource(ref),
      fetchDocument: () => assert.fail('no document is needed'),
    };
    const text = `apiVersion: mirror.openshift.io/v2alpha1
kind: ImageSetConfiguration
mirror: {additionalImages: [{name: "${access.host}/${path}:signed"}, {name: "${access.host}/${path}:plain"}]}
`;
    const plan = (context: MirrorContext): Promise<MirrorPlan> =>
      resolvePlan([collectAdditionalImages(loadImageSet(text, 'isc.yaml'))], context, {
        allowGaps: false,
        withSignatures: true,
        allowMissingSignatures: false,
      });

    const signed = await pushContent(repository, image().layer('a', 'first').build(), 'signed');
    const plain = await pushContent(repository, image().layer('b', 'first').build(), 'plain');
    await sign(signed, 'first');
    const recorded = recordPins(ctx);
    const first = await plan(recorded.ctx);
    const lock = createLock({ plan: first, pins: recorded.pins(), channels: [], charts: [] });
    assert.equal(first.images.length, 3);
    assert.equal(lock.pins.length, 3);

    const moved = await pushContent(repository, image().layer('a', 'second').build(), 'signed');
    await sign(signed, 'second');
    await sign(plain, 'first');
    const locked = parseLock(formatLock(lock), 'airgap.lock');
    const again = await plan(lockContext(ctx, locked));
    assertLocked(again, locked);
    assert.deepEqual(
      planFileOf(again, { releases: [], catalogs: [] }),
      planFileOf(first, { releases: [], catalogs: [] }),
    );

    const now = await plan(ctx);
    assert.throws(() => assertLocked(now, locked), { code: 'E_CONFIG', message: /locked at/ });
    const diff = diffPlans(lock.images, planFileOf(now, { releases: [], catalogs: [] }).images);
    assert.deepEqual(
      diff.moved.map(({ before, after }) => [before.digest, after.digest]),
      [[signed.digest, moved.digest]],
    );
    assert.deepEqual(
      diff.added.map((added) => added.target.tag),
      [`${digestTag(plain.digest)}.sig`],
    );
    assert.deepEqual(
      diff.removed.map((removed) => removed.target.tag),
      [`${digestTag(signed.digest)}.sig`],
    );
  });
}
