/** A registry that refuses an image: its own words, the image, and what helps. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { AirgapError } from '../../src/core/errors.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { pushImages } from '../../src/workflows/push.ts';
import type { PushImage } from '../../src/workflows/push-plan.ts';
import { explainRefusal } from '../../src/workflows/push-refusal.ts';
import { startFront } from '../support/front.ts';
import { image, index, sourceOf, type BuiltContent } from '../support/images.ts';
import { optionsFor, type RegistryAccess } from '../support/registry.ts';
import { reply } from '../support/scripted-server.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const { signal } = new AbortController();
const ctx = { signal, report: () => undefined };
const ORIGIN = 'registry.example/team/app:v1';
const amd64 = image().layer('a', 'amd64').build();
const both = index([amd64, image().platform('linux/arm64').layer('a', 'arm64').build()]).build();

/** Pushes an image and returns the refusal of the target. */
async function refusalOf(
  t: TestContext,
  access: RegistryAccess,
  built: BuiltContent,
  more: Partial<PushImage> & { readonly prefix?: string } = {},
): Promise<AirgapError> {
  const client = createRegistryClient(optionsFor(access, { attempts: 1 }), ctx);
  t.after(() => client.close());
  const { mediaType, digest, size } = built.root;
  const target = { repository: freshRepository('refused'), tag: 'v1' };
  const { prefix = '', ...rest } = more;
  const images = [{ origin: ORIGIN, mediaType, digest, size, target, ...rest }];
  const options = { target: { registry: access.host, prefix }, concurrency: 2 };
  try {
    await pushImages({ source: sourceOf(built), images }, client, options, ctx);
  } catch (error) {
    assert.ok(error instanceof AirgapError, String(error));
    assert.ok(error.message.startsWith(`target ${access.host}: ${ORIGIN}: `), error.message);
    assert.deepEqual([error.data?.['image'], error.data?.['side']], [ORIGIN, 'target']);
    return error;
  }
  return assert.fail('nothing was refused');
}

for (const kind of plainRegistries) {
  test(`an index without all of its instances: how to let the registry take it (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    const error = await refusalOf(t, access, both, { platforms: [{ os: 'linux', architecture: 'amd64' }] });
    assert.match(error.message, /MANIFEST_BLOB_UNKNOWN blob unknown to registry .*sha256:/);
    assert.match(error.hint ?? '', /platforms: none.*pack the image without "platforms"/);
  });

  test(`a path the registry does not take: how to make it shorter (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    // Both programs answer 404 for a path that is none to them, as registries with few components do.
    const unknown = await refusalOf(t, access, amd64, { target: { repository: 'a/B/c/d', tag: 'v1' } });
    assert.match(unknown.message, /answered 404/);
    assert.match(unknown.hint ?? '', /path a\/B\/c\/d \(4 components.*registry\.maxNestedPaths/);
    const long = await refusalOf(t, access, amd64, { prefix: Array(50).fill('abcde').join('/') });
    assert.match(long.hint ?? '', /5\d components, 3\d\d characters/);
  });

  test(`an image the registry does not know the form of: which types are unusual (${kind.name})`, async (t) => {
    const access = await kind.open(t);
    if (access === undefined) return;
    // Both programs want addresses for layers of this type.
    const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    const error = await refusalOf(t, access, image().docker().rawLayer(Buffer.from('x'), foreign).build());
    assert.match(error.message, /answered \d+: \w+/);
    assert.ok(error.hint?.startsWith(`the registry may not take ${foreign}: `), error.hint);
    assert.match(error.hint ?? '', /mirror\.blockedImages/);
  });
}

test('a protected tag is told from a refused image', async (t) => {
  const access = await plainRegistries[0]!.open(t);
  if (access === undefined) return;
  const front = await startFront(t, access.host, ({ call, response }) => {
    const isTag = call.startsWith('PUT') && call.endsWith('/manifests/v1');
    if (isTag)
      reply(response, 409, JSON.stringify({ errors: [{ code: 'TAG_IMMUTABLE', message: 'tag is immutable' }] }));
    return isTag;
  });
  const error = await refusalOf(t, { ...access, host: front.host }, amd64);
  assert.match(error.message, /TAG_IMMUTABLE/);
  assert.match(error.hint ?? '', /the image is there, its tag v1 was refused/);
});

test('a denied push to a deep path names the path as a possible cause, beside the login', () => {
  const denied = new AirgapError('E_UNAUTHORIZED', 'no', { hint: 'log in', data: { status: 401 } });
  const explained = (repository: string) => explainRefusal(denied, { origin: ORIGIN, repository }) as AirgapError;
  assert.equal(explained('team/app').hint, 'log in');
  assert.match(explained('mirror/team/app').hint ?? '', /^log in; .*3 components.*maxNestedPaths/);
});

test('what is no answer of the target is not explained', () => {
  const what = { origin: ORIGIN, repository: 'r' };
  const source = new AirgapError('E_NOT_FOUND', 'gone', { data: { status: 404, side: 'source' } });
  for (const error of [new Error('x'), new AirgapError('E_UNREACHABLE', 'x'), source]) {
    assert.equal(explainRefusal(error, what), error);
  }
});
