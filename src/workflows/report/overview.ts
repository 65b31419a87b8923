import { formatBytes } from '../../core/bytes.ts';
import type { ReportData } from './data.ts';
import { allGroups, countContent, type ReportContents } from './groups.ts';
import { markup, type Markup, type MarkupValue } from './markup.ts';
import { chip, formatTime } from './parts.ts';

/** Whose bundle this is, whether that was checked, and the numbers a board asks for first. */
export function reportHead(data: ReportData, contents: ReportContents): Markup {
  const { bundle } = data;
  const engine = data.plan?.engine;
  const by = engine === undefined ? undefined : markup` · mirrored by ${engine.name} ${engine.version}`;
  const until =
    bundle.expiresAt === undefined ? undefined : markup` · to be used until ${formatTime(bundle.expiresAt)}`;
  return markup`<header>
<p class="eyebrow">Transfer report ${sealChip(data)}</p>
<h1>${bundle.name} <span class="serial">serial ${bundle.serial}</span></h1>
<p class="made">Made ${formatTime(bundle.createdAt)}${until}${by}</p>
${figures(data, contents)}</header>
`;
}

function sealChip({ seal }: ReportData): Markup {
  switch (seal.state) {
    case 'inside':
      return chip('plain', 'as packed, to be verified');
    case 'accepted':
      return chip('good', 'signature accepted');
    case 'unverified':
      return chip('bad', seal.signatures === 0 ? 'not signed' : 'signature not checked');
  }
}

function figures(data: ReportData, contents: ReportContents): Markup | undefined {
  const { plan } = data;
  if (plan === undefined) return undefined;
  const groups = allGroups(contents);
  const { images, signatures } = countContent(groups);
  const operators = plan.catalogs.reduce((sum, catalog) => sum + catalog.packages.length, 0);
  const added = groups.reduce((sum, group) => sum + group.added, 0);
  const cards: readonly (readonly [MarkupValue, string])[] = [
    [formatBytes(added), data.base === undefined ? 'image content to carry' : 'image content, with the base'],
    [images, images === 1 ? 'image' : 'images'],
    [plan.releases.length, plan.releases.length === 1 ? 'OpenShift release' : 'OpenShift releases'],
    [operators, operators === 1 ? 'operator' : 'operators'],
    [signatures, signatures === 1 ? 'image signature' : 'image signatures'],
    [plan.gaps.length, plan.gaps.length === 1 ? 'image missing' : 'images missing'],
  ];
  return markup`<dl class="figures">${cards.map(
    ([value, name], at) =>
      markup`<div${at === 5 && plan.gaps.length > 0 ? markup` class="bad"` : undefined}><dt>${name}</dt><dd>${value}</dd></div>`,
  )}</dl>
`;
}
