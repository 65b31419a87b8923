import { formatBytes } from '../../core/bytes.ts';
import { certificateProblems } from '../../core/certificates.ts';
import type { ReportData } from './data.ts';
import { markup, type Markup } from './markup.ts';
import { chip, code, count, foldable, formatTime, notice, reasons, section, table } from './parts.ts';

/** More warnings than this are folded. */
const MANY_WARNINGS = 6;

/** What is missing, doubtful or runs out; said also when there is nothing. */
export function attentionSection(data: ReportData): Markup {
  const items = [...sealItems(data), ...gapItems(data), ...doubtItems(data), ...warningItems(data)];
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
