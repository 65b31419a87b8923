import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { formatBytes } from '../../../../src/core/bytes.ts';
import { allGroups, countContent, reportContents } from '../../../../src/workflows/report/groups.ts';
import { reportPage } from '../../../../src/workflows/report/page.ts';
import { reportData } from '../../../support/reports.ts';

const HOSTILE = `"><img src=x onerror='alert(1)'>&`;
const HARMLESS = 'n'.repeat(HOSTILE.length);

/** Start and end tags with the names of their attributes. */
function structureOf(page: string): string[] {
  return [...page.matchAll(/<[!/]?[a-zA-Z][^>]*>/g)].map(([tag]) => tag.replaceAll(/="[^"]*"/g, '=""'));
}

test('hostile text in every place changes nothing in the structure of the page', () => {
  const page = reportPage(reportData(HOSTILE));
  assert.deepEqual(structureOf(page), structureOf(reportPage(reportData(HARMLESS))));
  assert.ok(!page.includes('<img'));
  assert.ok(page.split('&quot;&gt;&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;').length > 40);
});

test('text that would run backwards is shown as what it is', () => {
  const page = reportPage(reportData('a\u202etxt.exe'));
  assert.ok(!page.includes('\u202e'));
  assert.ok(page.includes('a\\u202etxt.exe'));
});

test('the page loads nothing, runs nothing and links only within itself', () => {
  const page = reportPage(reportData());
  assert.doesNotMatch(page, /<(?:script|link|img|iframe|object|embed|form|base|use|image)\b/i);
  assert.doesNotMatch(page, /\s(?:src|srcset|style|on\w+)=|url\(|@import/i);
  const links = [...page.matchAll(/href="([^"]*)"/g)].map(([, link]) => link!);
  const anchors = new Set([...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => `#${id}`));
  assert.ok(links.length > 5);
  assert.deepEqual(
    links.filter((link) => !anchors.has(link)),
    [],
  );
});

test('its content security policy allows its own style sheet and nothing else', () => {
  const page = reportPage(reportData());
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)![1]!;
  const hash = createHash('sha256').update(style).digest('base64');
  assert.ok(page.includes(`content="default-src 'none'; style-src 'sha256-${hash}';`));
});

test('ids are unique and every label has its target', () => {
  const page = reportPage(reportData());
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!);
  assert.equal(new Set(ids).size, ids.length);
  for (const [, id] of page.matchAll(/aria-labelledby="([^"]*)"/g)) assert.ok(ids.includes(id!));
});

test('the same data gives the same bytes, whenever and wherever the page is made', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-11-25T00:00:00Z') });
  const first = reportPage(reportData());
  t.mock.timers.setTime(Date.parse('2031-01-01T00:00:00Z'));
  assert.equal(reportPage(reportData()), first);
});

test('what groups add sums up to the content of the bundle, whatever they share', () => {
  const { plan, sizes } = reportData();
  const groups = allGroups(reportContents(plan!, sizes));
  assert.equal(
    groups.reduce((sum, group) => sum + group.added, 0),
    plan!.totalBytes,
  );
  for (const group of groups) {
    assert.equal(
      group.images.reduce((sum, image) => sum + image.added, 0),
      group.added,
    );
  }
  assert.deepEqual(countContent(groups), { images: 8, signatures: 1 });
  assert.ok(reportPage(reportData()).includes(`<dd>${formatBytes(plan!.totalBytes)}</dd>`));
});

test('shared layers count for the first group that has them, and as shared afterwards', () => {
  const { plan, sizes } = reportData();
  const groups = allGroups(reportContents(plan!, sizes));
  assert.deepEqual(
    groups.map(({ title, added, shared }) => [title, added, shared]),
    [
      ['OpenShift 4.17.4-x86_64', 45_200, 0],
      ['name', 30_100, 5000],
      ['catalog catalog-name:v1', 7100, 0],
      ['registry.test/a-name', 20_100, 5000],
      ['registry.test/b', 1150, 20_000],
      ['chart name.tgz', 3100, 0],
      ['graph-image', 500, 0],
    ],
  );
});

test('every image is listed with its digest', () => {
  const data = reportData();
  const page = reportPage(data);
  for (const image of data.plan!.images) assert.ok(page.includes(image.digest));
});

const seals = [
  [{ state: 'inside' }, /travels inside the bundle/, /signature accepted|not checked</],
  [{ state: 'unverified', manifestSha256: 'a', signatures: 1 }, /No signature was checked/, /signature accepted/],
  [{ state: 'unverified', manifestSha256: 'a', signatures: 0 }, /The bundle is not signed/, /signature accepted/],
  [
    { state: 'accepted', manifestSha256: 'a', signers: [] },
    /signature accepted/,
    /No signature was checked|not signed/,
  ],
] as const;

for (const [seal, said, notSaid] of seals) {
  test(`says what is known of the signature: ${JSON.stringify(seal)}`, () => {
    const { against: _, ...data } = reportData();
    const page = reportPage({ ...data, seal });
    assert.match(page, said);
    assert.doesNotMatch(page, notSaid);
  });
}

test('what needs attention is said, and so is that nothing does', () => {
  const data = reportData();
  const page = reportPage(data);
  assert.match(page, /1 image could not be read and is not in the bundle/);
  assert.match(page, /1 release without release signature: 4\.17\.4-x86_64/);
  assert.match(page, /The bundle was to be used until 2026-11-23 00:00 UTC/);
  assert.match(page, /W_CERTIFICATE/);
  assert.match(page, /ends soon/);
  const calm = reportPage({
    ...data,
    bundle: { name: 'name', serial: 7, createdAt: '2026-11-22T16:00:00Z' },
    plan: { ...data.plan!, releases: [], gaps: [], warnings: [] },
    certificates: [],
  });
  assert.match(calm, /Nothing is missing and nothing was reported/);
});

test('a bundle without a plan gets a page that says so and lists its files', () => {
  const { plan: _, against: _against, ...data } = reportData();
  const page = reportPage({ ...data, files: [{ path: 'some/file', size: 3, sha256: 'ab' }] });
  assert.match(page, /carries no plan/);
  assert.ok(page.includes('some/file'));
  assert.doesNotMatch(page, /id="images"/);
});

test('the difference to another bundle names versions first, then added, removed and changed images', () => {
  const data = reportData();
  const section = /<section id="difference"[\s\S]*?<\/section>/.exec(reportPage(data))![0];
  assert.match(section, /name serial 6<\/b>/);
  assert.match(section, /its signature was not checked/);
  assert.match(section, />OpenShift<[\s\S]*?>new<[\s\S]*?<ins>4\.17\.4-x86_64<\/ins>/);
  assert.match(section, />old name<[\s\S]*?<del>name<\/del>[\s\S]*?no longer inside/);
  assert.match(section, /1 added[\s\S]*1 removed[\s\S]*1 changed[\s\S]*7 unchanged/);
  for (const { before, after } of data.against!.images.moved) {
    assert.ok(section.includes(before.digest) && section.includes(after.digest));
  }
  const { against: _, ...alone } = data;
  assert.doesNotMatch(reportPage(alone), /id="difference"|href="#difference"/);
});
