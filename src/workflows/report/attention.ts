import { formatBytes } from '../../core/bytes.ts';
import { certificateProblems } from '../../core/certificates.ts';
import type { ReportData } from './data.ts';
import { markup, type Markup } from './markup.ts';
import { chip, code, count, foldable, formatTime, notice, reasons, section, table } from './parts.ts';

/** More warnings than this are folded. */
const MANY_WARNINGS = 6;

const DIFFERENCES = {
  missing: 'planned, and not there',
  moved: 'another digest than was planned: the name moved meanwhile',
  extra: 'there, though not planned',
  leftOut: 'never taken by oc-mirror',
} as const;

/** What is missing, doubtful or runs out; said also when there is nothing. */
export function attentionSection(data: ReportData): Markup {
  const items = [
    ...sealItems(data),
    ...gapItems(data),
    ...engineItems(data),
    ...doubtItems(data),
    ...warningItems(data),
  ];
  const body = items.length > 0 ? items : notice('good', 'Nothing is missing and nothing was reported.', undefined);
  return section('attention', 'Needs attention', body);
}

function sealItems({ seal }: ReportData): Markup[] {
  if (seal.state !== 'unverified') return [];
  if (seal.signatures === 0) {
    return [notice('bad', 'The bundle is not signed: nobody vouches for what this report says.', undefined)];
  }
  const command = code('airgap inspect BUNDLE.tar --key PUBLIC.pub --report FILE.html');
  const what = markup`<p>Make the report with the public key of the sender: ${command}</p>`;
  return [notice('bad', 'No signature was checked: everything below is what the bundle says of itself.', what)];
}

function gapItems({ plan }: ReportData): Markup[] {
  const gaps = plan?.gaps ?? [];
  if (gaps.length === 0) return [];
  const columns = [{ title: 'Missing image' }, { title: 'Wanted because' }, { title: 'Why it could not be taken' }];
  const rows = gaps.map((gap) => [code(gap.origin), reasons(gap.because), gap.reason]);
  return [
    notice(
      'bad',
      `${count(gaps.length, 'image')} could not be read and ${gaps.length === 1 ? 'is' : 'are'} not in the bundle.`,
      table(columns, rows),
    ),
  ];
}

/** Where the vendor's program did something else than was planned. */
function engineItems({ plan }: ReportData): Markup[] {
  const differences = plan?.engine?.differences ?? [];
  if (differences.length === 0) return [];
  const columns = [{ title: 'Name on the far side' }, { title: 'What is different' }];
  const rows = differences.map(({ kind, name }) => [code(name), DIFFERENCES[kind]]);
  const title = `oc-mirror mirrored ${count(differences.length, 'image')} in another way than was planned.`;
  const body = table(columns, rows);
  if (rows.length <= MANY_WARNINGS) return [notice('warn', title, body)];
  return [notice('warn', title, foldable('All differences', count(rows.length, 'image'), { body }))];
}

function doubtItems({ bundle, base, nowMs, plan }: ReportData): Markup[] {
  const items: Markup[] = [];
  if (base !== undefined) {
    const title = `The bundle holds only what differs from serial ${base.serial}, which must have arrived before.`;
    const left = `${count(base.files, 'file')} (${formatBytes(base.bytes)})`;
    const manifest = code(`sha256:${base.manifestSha256}`);
    items.push(notice('warn', title, markup`<p>Left to it: ${left}. Its bundle manifest: ${manifest}</p>`));
  }
  if (bundle.expiresAt !== undefined && Date.parse(bundle.expiresAt) < nowMs) {
    items.push(notice('warn', `The bundle was to be used until ${formatTime(bundle.expiresAt)}.`, undefined));
  }
  if (plan === undefined) {
    items.push(notice('warn', 'The bundle carries no plan: only its files can be listed.', undefined));
  }
  const unsigned = (plan?.releases ?? []).filter((release) => release.signature === undefined);
  if (unsigned.length > 0) {
    const tags = unsigned.map((release) => release.tag).join(', ');
    const title = `${count(unsigned.length, 'release')} without release signature: ${tags}`;
    items.push(notice('warn', title, markup`<p>A cluster does not update to it without being forced.</p>`));
  }
  return items;
}

function warningItems({ plan, certificates, nowMs }: ReportData): Markup[] {
  const warnings = [
    ...(plan?.warnings ?? []).map(({ code: name, message }) => ({ name, message })),
    ...certificates.flatMap((certificate) =>
      certificateProblems([certificate], nowMs).map((problem) => ({
        name: 'W_CERTIFICATE',
        message: `${certificate.path}: ${problem}`,
      })),
    ),
  ];
  if (warnings.length === 0) return [];
  const list = markup`<ul class="warnings">${warnings.map(({ name, message }) => markup`<li>${chip('plain', name)}<span>${message}</span></li>\n`)}</ul>`;
  const title = `${count(warnings.length, 'warning')} of the run that made the bundle.`;
  if (warnings.length <= MANY_WARNINGS) return [notice('warn', title, list)];
  return [notice('warn', title, foldable('All warnings', count(warnings.length, 'warning'), { body: list }))];
}
