import { certificateProblems } from '../../core/certificates.ts';
import type { Signer } from '../../bundle/signature.ts';
import type { ReportCertificate, ReportData } from './data.ts';
import { markup, type Markup, type MarkupValue } from './markup.ts';
import { chip, code, count, foldable, formatTime, section, table } from './parts.ts';

/** More certificates than this are folded. */
const MANY_CERTIFICATES = 12;

/** Who vouches for the bundle, its releases and its images, and which authorities it asks the far side to trust. */
export function trustSection(data: ReportData): Markup {
  return section('trust', 'Signatures and certificates', [
    markup`<dl class="facts">${sealFacts(data)}${carriedFacts(data)}</dl>
`,
    certificateTable(data),
  ]);
}

function sealFacts({ seal, nowMs }: ReportData): Markup[] {
  if (seal.state === 'inside') {
    return [
      fact(
        'Bundle',
        markup`This page travels inside the bundle, so it can not show the signature over itself. Before anything in it counts, check the file it came in: ${code('airgap verify BUNDLE.tar --key PUBLIC.pub')}. With signers and checksum the same report is made by ${code('airgap inspect BUNDLE.tar --key PUBLIC.pub --report FILE.html')}.`,
      ),
    ];
  }
  const looked = formatTime(new Date(nowMs).toISOString());
  const checksum = fact('Bundle manifest', code(`sha256:${seal.manifestSha256}`));
  if (seal.state === 'unverified') {
    const text = seal.signatures === 0 ? 'not signed' : `${count(seal.signatures, 'signature')}, not checked`;
    return [fact('Bundle', markup`${chip('bad', text)} looked at ${looked}`), checksum];
  }
  return [
    fact(
      'Bundle',
      markup`${chip('good', 'signature accepted')} checked ${looked}; contents are checked by ${code('airgap verify')}`,
    ),
    fact('Signed by', markup`<ul>${seal.signers.map((signer) => markup`<li>${describeSigner(signer)}</li>`)}</ul>`),
    checksum,
  ];
}

function describeSigner(signer: Signer): Markup {
  if (signer.kind === 'key') return markup`key ${code(signer.key)}`;
  return markup`${signer.identity} <span class="muted">(attested by ${signer.issuer})</span>`;
}

function carriedFacts({ plan }: ReportData): Markup[] {
  if (plan === undefined) return [];
  const signed = plan.releases.filter((release) => release.signature !== undefined).length;
  const images = plan.images.filter((image) => image.kind === 'signature').length;
  const releases =
    plan.releases.length === 0
      ? 'no release in the bundle'
      : `${signed} of ${plan.releases.length} with a release signature, checked when packed and carried for the clusters`;
  return [
    fact('Releases', releases),
    fact(
      'Images',
      images === 0
        ? 'no signatures or attestations carried'
        : `${count(images, 'signature')} and attestations of images carried, for image policies of the far side`,
    ),
  ];
}

function certificateTable({ certificates, nowMs }: ReportData): Markup {
  if (certificates.length === 0) return markup`<h3>CA certificates</h3><p class="note">The bundle carries none.</p>`;
  const columns = [{ title: 'Subject' }, { title: 'Trusted for' }, { title: 'Valid' }, { title: 'Issuer' }];
  const content = table(
    columns,
    certificates.map((certificate) => certificateRow(certificate, nowMs)),
  );
  const title = markup`<h3>CA certificates</h3><p class="note">The far side will trust what these authorities sign.</p>`;
  if (certificates.length <= MANY_CERTIFICATES) return markup`${title}${content}`;
  return markup`${title}${foldable('All CA certificates', count(certificates.length, 'certificate'), { body: content })}`;
}

function certificateRow(certificate: ReportCertificate, nowMs: number): MarkupValue[] {
  const { subject, issuer, path, registry, fingerprint, notBefore, notAfter } = certificate;
  const tone =
    certificateProblems([certificate], nowMs).length === 0 ? undefined : chip('warn', validity(certificate, nowMs));
  return [
    markup`${subject}<span class="sub"><code>sha256:${fingerprint}</code></span>`,
    markup`${registry === undefined ? 'everything' : markup`registry ${code(registry)}`}<span class="sub">${path}</span>`,
    markup`${notBefore.slice(0, 10)} to ${notAfter.slice(0, 10)} ${tone}`,
    issuer === subject ? markup`<span class="muted">itself</span>` : issuer,
  ];
}

function validity({ isCa, notAfter, notBefore }: ReportCertificate, nowMs: number): string {
  if (!isCa) return 'no CA';
  if (Date.parse(notAfter) < nowMs) return 'expired';
  return Date.parse(notBefore) > nowMs ? 'not yet valid' : 'ends soon';
}

function fact(name: string, value: MarkupValue): Markup {
  return markup`<div><dt>${name}</dt><dd>${value}</dd></div>
`;
}
